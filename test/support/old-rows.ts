import type { Db } from '../../db/open.ts';
import { campaigns, outcomes, type Outcome } from '../../db/schema/campaigns.ts';
import { attempts, deliveries, type DeliveryState } from '../../db/schema/deliveries.ts';
import { journeyLog, journeys } from '../../db/schema/journeys.ts';
import { attributeChanges, events, people } from '../../db/schema/people.ts';
import { resends } from '../../db/schema/resends.ts';

export const DAY_MS = 86_400_000;

type Age = { now: Date; days: number };

/** An id as it was made so many days ago, with a name to be known by. */
const idOf = (prefix: string, { now, days }: Age, name: string) => {
  const hex = (now.getTime() - days * DAY_MS).toString(16).padStart(12, '0');
  return `${prefix}_${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${name}`;
};

/** Writes rows as they stand after some days. All belong to the campaign `tour` and, where nothing else is said, to `per_ada`. */
export function oldRows(db: Db, now: Date) {
  const ago = (days: number) => new Date(now.getTime() - days * DAY_MS);
  let number = 0;
  return {
    ago,
    async person(key: string) {
      await db.insert(people).values({ key, id: key.slice(4), attributes: {} });
    },
    async campaign() {
      await db.insert(campaigns).values({ id: 'tour', state: 'live', version: 1, triggerType: 'event' });
    },
    /** A journey that began and ended so many days ago; `ended: null` for one that goes on. It has a line in its log. */
    async journey(
      name: string,
      row: { began: number; ended: number | null; person?: string } & Partial<typeof journeys.$inferInsert>,
    ) {
      const { began, ended, person = 'per_ada', ...others } = row;
      const id = idOf('jrn', { now, days: began }, name);
      await db.insert(journeys).values({
        ...{ id, campaignId: 'tour', version: 1, personKey: person, cause: `event/${name}` },
        ...{ state: ended === null ? 'sending' : 'completed', createdAt: ago(began), updatedAt: ago(ended ?? began) },
        ...(ended !== null && { endedAt: ago(ended) }),
        ...others,
      });
      await db.insert(journeyLog).values({ journeyId: id, step: 'tell', what: 'rendered', details: {} });
      return id;
    },
    /** A delivery with one attempt, that was made so many days ago and last changed so many. */
    async delivery(
      name: string,
      row: { made: number; changed: number; state: DeliveryState; person?: string } & Partial<
        typeof deliveries.$inferInsert
      >,
    ) {
      const { made, changed, state, person = 'per_ada', ...others } = row;
      const id = idOf('dlv', { now, days: made }, name);
      await db.insert(deliveries).values({
        ...{
          id,
          personKey: person,
          state,
          stepId: 'tell',
          missing: [],
          mapping: { state: 'none', attributes: {}, error: null },
        },
        ...{ frozen: Buffer.from('sealed'), answer: Buffer.from('sealed'), timeoutMs: 4_000 },
        ...{ createdAt: ago(made), updatedAt: ago(changed) },
        ...others,
      });
      const at = ago(changed);
      await db.insert(attempts).values({
        ...{
          id: idOf('att', { now, days: changed }, name),
          deliveryId: id,
          number: 1,
          destination: 'https://a.example',
        },
        ...{ inFlightUntil: at, trigger: 'automatic', class: 'sent', startedAt: at, responseBody: Buffer.from('yes') },
      });
      return id;
    },
    /** Somebody has it sent once more, at this moment. */
    async resend(deliveryId: string) {
      const by = { key: 'admin', actor: null };
      await db.insert(resends).values({ id: `att_${deliveryId}`, deliveryId, by, retry: false, attemptsBefore: 1 });
    },
    async outcome(cause: string, row: { days: number; outcome: Outcome; journeyId?: string; person?: string }) {
      const { days, outcome, journeyId = null, person = 'per_ada' } = row;
      await db.insert(outcomes).values({
        ...{ cause, campaignId: 'tour', personKey: person, version: 1, outcome, reason: '', values: {}, journeyId },
        at: ago(days),
      });
    },
    async change(days: number) {
      number += 1;
      const row = { personKey: 'per_ada', number, at: ago(days), cause: { type: 'api' } as const, changes: {} };
      await db.insert(attributeChanges).values(row);
    },
    /** An event that was received so many days ago; `happened` where that was another day. */
    async event(id: string, row: { days: number; happened?: number; number: number; person?: string }) {
      const { days, happened = days, number: place, person = 'per_ada' } = row;
      const times = { receivedAt: ago(days), timestamp: ago(happened) };
      await db.insert(events).values({ id, personKey: person, number: place, name: 'seen', data: {}, ...times });
    },
    id: (prefix: string, days: number, name: string) => idOf(prefix, { now, days }, name),
  };
}
