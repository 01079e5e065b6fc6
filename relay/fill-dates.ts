import { beforeWaiting } from '../db/attributes-after.ts';
import { mayBeDue, writeDates } from '../db/due-entries.ts';
import { holdPage } from '../db/people-page.ts';
import type { Sweep } from '../db/sweeps.ts';
import { attributesRead, datesOf } from './dates.ts';
import type { Progress, SweepContext } from './sweep.ts';

/**
 * Finds when the next people enter a campaign by their dates. Right for whoever changes meanwhile, as in a segment: a change is either
 * seen by the page, or comes after it, and then its relay finds the dates anew; so does the relay that has still to match one, which
 * knows whether it is backfill. What has fired stays.
 */
export async function fillDates(
  { tx, campaigns, now }: SweepContext,
  { subject: id, cursor }: Sweep,
  version: number,
): Promise<Progress> {
  const { campaign } = await campaigns(tx, id, version);
  const attribute = campaign.trigger.type === 'date' ? campaign.trigger.attribute : null;
  const page = await holdPage(tx, cursor, mayBeDue(id, attribute));
  if (page === 'later') return page;
  const { held, last } = page;
  const people = await beforeWaiting(tx, held, attributesRead(campaign));
  await writeDates(
    tx,
    id,
    people.map((person) => datesOf(campaign, person, now)),
  );
  return { last };
}
