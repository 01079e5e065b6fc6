import { sql } from 'drizzle-orm';
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
      await db
        .insert(journeyLog)
        .values({ journeyId: id, step: 'tell', what: 'rendered', details: {}, result: { type: 'update' } });
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
          campaignId: 'tour',
          stepId: 'tell',
          missing: [],
          mapping: { state: 'none', attributes: {}, error: null },
        },
        ...{
          destination: 'https://a.example',
          frozen: Buffer.from('sealed'),
          answer: Buffer.from('sealed'),
          timeoutMs: 4_000,
        },
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
    async resend(deliveryId: string, others: Partial<typeof resends.$inferInsert> = {}) {
      const by = { key: 'admin', actor: null };
      await db
        .insert(resends)
        .values({ id: `att_${deliveryId}`, deliveryId, by, retry: false, attemptsBefore: 1, ...others });
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

/** So many people, each with one journey, that ended 100 days ago where the number is even, and all that goes with one. */
export async function fillJourneys(db: Db, now: Date, people: number) {
  const day = (days: number) => sql`${now.toISOString()}::timestamptz - ${days} * interval '1 day'`;
  const hex = (now.getTime() - 100 * DAY_MS).toString(16).padStart(12, '0');
  const id = (prefix: string) => sql`${`${prefix}_${hex.slice(0, 8)}-${hex.slice(8)}-`} || n`;
  const each = sql`from generate_series(1, ${people}::int) as n`;
  const at = sql`case when n % 2 = 0 then ${day(100)} else ${day(10)} end`;
  for (const statement of [
    sql`insert into people (key, id, attributes) select 'per_' || n, n::text, '{}' ${each}`,
    sql`insert into events (id, person_key, number, name, data, timestamp, received_at)
      select 'evt_' || n, 'per_' || n, 1, 'seen', '{}', ${at}, ${at} ${each}`,
    sql`insert into attribute_changes (person_key, number, at, cause, changes)
      select 'per_' || n, 2, ${at}, '{}', '{}' ${each}`,
    sql`insert into outcomes (cause, campaign_id, person_key, version, outcome, reason, values, journey_id, at)
      select 'event/evt_' || n, 'tour', 'per_' || n, 1, 'entered', '', '{}', ${id('jrn')}, ${at} ${each}`,
    sql`insert into journeys (id, campaign_id, version, person_key, cause, event_id, state, ended_at)
      select ${id('jrn')}, 'tour', 1, 'per_' || n, 'event/evt_' || n, 'evt_' || n, 'completed', ${at} ${each}`,
    sql`insert into journey_log (journey_id, step, what, details) select ${id('jrn')}, 'tell', 'sent', '{}' ${each}`,
    sql`insert into waits (journey_id, step_id, person_key, kind, since, event_id, outcome)
      select ${id('jrn')}, 'pay', 'per_' || n, 'event', 0, 'evt_' || n, 'event' ${each}`,
    sql`insert into deliveries (id, person_key, journey_id, step_id, state, missing, mapping, timeout_ms, updated_at)
      select ${id('dlv')}, 'per_' || n, ${id('jrn')}, 'tell', 'sent', '[]', '{}', 4000, ${at} ${each}`,
    sql`insert into attempts (id, delivery_id, number, destination, in_flight_until, trigger, class, started_at)
      select ${id('att')}, ${id('dlv')}, 1, 'https://a.example', now(), 'automatic', 'sent', ${at} ${each}`,
    sql`insert into entries (campaign_id, person_key, cause, once, journey_id)
      select 'tour', 'per_' || n, 'event/evt_' || n, false, ${id('jrn')} ${each}`,
  ])
    await db.execute(statement);
}

/** What a journey has rows in. */
const TABLES = [
  'journeys',
  'journey_log',
  'waits',
  'deliveries',
  'attempts',
  'outcomes',
  'events',
  'attribute_changes',
];

/** How many rows each of them has. */
export async function countRows(db: Db) {
  const [row] = await db.execute<Record<string, number>>(sql`
    select ${sql.join(
      TABLES.map((table) => sql`(select count(*)::int from ${sql.identifier(table)}) as ${sql.identifier(table)}`),
      sql`, `,
    )}`);
  return row;
}

export const everywhere = (count: number) => Object.fromEntries(TABLES.map((table) => [table, count]));
