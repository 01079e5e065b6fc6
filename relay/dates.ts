import { comingDates, isMissed, isStillDue } from '../domain/time/date-trigger.ts';
import type { Campaign } from '../domain/campaign/campaign.ts';
import type { HeldCampaign } from '../db/candidates.ts';
import type { AttributesAfter } from '../db/attributes-after.ts';
import { findDue, forgetDue, listDateCampaigns, writeDates } from '../db/due-entries.ts';
import type { InboxItem } from '../db/inbox.ts';
import type { PersonRow } from '../db/people.ts';
import { considerAll, type MatchContext, type Occasion } from './enter.ts';

/** A person who is held, and their attributes as each item left them: a later one may be backfill where it is not, or the other way round. */
export type Dated = { person: PersonRow; attributesAfter: AttributesAfter };

/**
 * Finds anew when a person enters by their dates: those that a change concerns. Backfill begins nothing at once: a date of it that had
 * passed counts as one that they have entered by.
 */
export async function moveDates(context: MatchContext, dated: Dated, item: InboxItem): Promise<void> {
  if (!item.change) return;
  const { tx, campaigns, now } = context;
  const passedBy = item.change.backfill ? item.change.at : null;
  for (const { campaign: id, version } of await listDateCampaigns(tx, Object.keys(item.change.changes))) {
    const { campaign } = await campaigns(tx, id, version);
    await writeDates(tx, id, [datesOf(campaign, await personAfter(dated, item, campaign), now)], { passedBy });
  }
}

/** What a campaign's dates need to know of a person, as it was behind an item. */
async function personAfter({ person, attributesAfter }: Dated, item: InboxItem, campaign: Campaign) {
  return { key: person.key, attributes: await attributesAfter(item, attributesRead(campaign)) };
}

/** The attributes that a campaign's dates come from. */
export const attributesRead = ({ trigger }: Campaign): string[] =>
  trigger.type === 'date' ? [trigger.attribute, 'timezone'] : [];

/** When a person enters a campaign by their date; never by one that starts otherwise. */
export function datesOf(
  { trigger, timezone = 'UTC' }: Campaign,
  { key: personKey, attributes }: Pick<PersonRow, 'key' | 'attributes'>,
  now: Date,
) {
  return { personKey, occurrences: trigger.type === 'date' ? comingDates(trigger, { attributes, timezone }, now) : [] };
}

/**
 * Decides on an entry that has become due. A date that is not the person's any more, or that came more than 24 hours late, counts for
 * nothing. One of a campaign that was stopped is forgotten, so that it is found again if the campaign is started soon.
 */
export async function considerDue(
  context: MatchContext,
  dated: Dated,
  item: InboxItem,
  { held, occasion }: { held: HeldCampaign[]; occasion: Omit<Occasion, 'cause'> },
): Promise<void> {
  const { tx, campaigns, now } = context;
  const { person } = dated;
  const due = await findDue(tx, person.key, item.subject);
  const candidate = held.find(({ campaign }) => campaign === due?.campaignId);
  if (!candidate || !due || due.firedAt === null) return;
  if (candidate.state !== 'live' && candidate.state !== 'paused') return forgetDue(tx, due);
  const { campaign } = await campaigns(tx, candidate.campaign, candidate.version);
  const { trigger, timezone = 'UTC' } = campaign;
  if (trigger.type !== 'date') return;
  if (!isMissed(due.dueAt, due.firedAt) && isStillDue(trigger, { attributes: person.attributes, timezone }, due)) {
    await considerAll(context, person, [candidate], { ...occasion, cause: `date/${due.occurrence}` });
  }
  if (!trigger.yearly) return;
  await writeDates(tx, candidate.campaign, [datesOf(campaign, await personAfter(dated, item, campaign), now)]);
}
