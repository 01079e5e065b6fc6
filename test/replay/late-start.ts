import { sleep } from '@temporalio/workflow';
import { journey as today, type JourneyInput } from '../../workflows/journey.ts';

/** A change that must not happen: a command where the recorded histories have none. */
export async function journey(input: JourneyInput): Promise<void> {
  await sleep('1 minute');
  return today(input);
}
