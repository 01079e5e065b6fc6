import { mayBeDue, writeDates } from '../db/due-entries.ts';
import { holdPeople, nextPeople } from '../db/people-page.ts';
import type { Sweep } from '../db/sweeps.ts';
import { datesOf } from './dates.ts';
import type { Progress, SweepContext } from './sweep.ts';

/**
 * Finds when the next people enter a campaign by their dates. Whoever changes meanwhile is right as in a segment: a change waits for the
 * page, and its relay finds the dates anew; what has fired stays.
 */
export async function fillDates(
  { tx, campaigns, now }: SweepContext,
  { subject: id, cursor }: Sweep,
  version: number,
): Promise<Progress> {
  const { campaign } = await campaigns(tx, id, version);
  const attribute = campaign.trigger.type === 'date' ? campaign.trigger.attribute : null;
  const { keys, last } = await nextPeople(tx, cursor, mayBeDue(id, attribute));
  const held = await holdPeople(tx, keys);
  await writeDates(
    tx,
    id,
    held.map((person) => datesOf(campaign, person, now)),
  );
  return { last };
}
