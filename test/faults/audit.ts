import { sql } from 'drizzle-orm';
import type { Db } from '../../db/open.ts';
import { DELAY_S } from './campaigns.ts';
import type { Received } from './unreliable.ts';

/** Rows that wait for somebody to move them: none is left when all is quiet, but drafts that nobody approves. */
const IN_TRANSIT = {
  inbox: sql`select from inbox`,
  waiting: sql`select from waiting`,
  commands: sql`select from commands`,
  waits: sql`select from waits where outcome is null`,
  parked: sql`select from parked`,
  paused: sql`select from paused_deliveries`,
  attempts: sql`select from attempts where class = 'started'`,
  resends: sql`select from resends where ended_at is null`,
  broadcasts: sql`select from broadcasts where ended_at is null`,
  journeys: sql`
    select from journeys j join people p on p.key = person_key
    where ended_at is null and not (
      p.id like '%-no' and exists (select from deliveries where journey_id = j.id and state = 'drafted'))`,
  deliveries: sql`
    select from deliveries d join people p on p.key = person_key
    where state in ('approved', 'queued', 'attempted') or (state = 'drafted' and p.id not like '%-no')`,
};

/** How many rows of each kind are under way, those without any left out; rejects while Postgres is away. */
export async function inTransit(db: Db): Promise<Record<string, number>> {
  const counts = Object.entries(IN_TRANSIT).map(
    ([name, rows]) => sql`select ${name}::text as name, count(*)::int as count from (${rows}) as r`,
  );
  const rows = await db.execute<{ name: string; count: number }>(sql.join(counts, sql` union all `));
  return Object.fromEntries(rows.filter(({ count }) => count > 0).map(({ name, count }) => [name, count]));
}

type Row = {
  event: string;
  due: number;
  person: string;
  name: string;
  count: number | null;
  journey: string | null;
  ended: boolean;
  delivery: string | null;
  state: string | null;
  cut: number;
  late: number | null;
};

/** When a delivery may be sent at the earliest: by its event, the second one of a pair, the end of its delay, or its approval, which has the API's time. */
const DUE = sql`
  case e.name
    when 'delayed' then e.received_at + ${DELAY_S} * interval '1 s'
    when 'paired' then (select received_at from events where id = e.id || '/followed')
    else greatest((d.decision->>'at')::timestamptz, e.received_at)
  end`;

/**
 * What became of events that were accepted: each line names one thing that is lost or was done twice. `slowest`: the most seconds from
 * when a delivery was due to its first request; `latest`: the most seconds by which a retry came after its time, where it did not
 * stand in line.
 */
export type Audit = {
  lost: string[];
  doubled: string[];
  repeated: number;
  cutOff: number;
  slowest: number;
  latest: number;
};

/** Holds what Postgres says of the events of a run against what the receiver saw. */
export async function audit(
  db: Db,
  accepted: { id: string }[],
  received: ReadonlyMap<string, Received>,
): Promise<Audit> {
  const ids = accepted.map(({ id }) => id);
  const rows = await db.execute<Row>(sql`
    select e.id as event, extract(epoch from ${DUE})::float8 as due, p.id as person, e.name, (p.attributes->>'count')::int as count, j.id as journey,
      ended_at is not null as ended, d.id as delivery, d.state,
      (select count(*)::int from attempts where delivery_id = d.id and class = 'unknown') as cut,
      (select extract(epoch from max(later.started_at - before.next_attempt_at))::float8
        from attempts before join attempts later on later.delivery_id = before.delivery_id and later.number = before.number + 1
        where before.delivery_id = d.id and d.parked_ms = 0) as late
    from events e join people p on p.key = e.person_key
      left join journeys j on j.event_id = e.id left join deliveries d on d.journey_id = j.id
    where e.id = any(${sql.param(ids)}::text[])`);
  const lost: string[] = [];
  const doubled: string[] = [];
  let repeated = 0;
  let slowest = 0;
  const cutOff = rows.reduce((sum, { cut }) => sum + cut, 0);
  const latest = Math.max(0, ...rows.map(({ late }) => late ?? 0));
  const stored = grouped(rows, ({ event }) => event);
  const keysOf = grouped(received.keys(), (key) => received.get(key)?.journey);
  for (const id of ids) {
    const [row, ...more] = stored.get(id) ?? [];
    if (!row?.journey) lost.push(`${id}: ${row ? 'no journey' : 'no event'}`);
    if (!row?.journey) continue;
    if (more.length > 0) doubled.push(`${id}: ${more.length + 1} journeys or deliveries`);
    const keys = keysOf.get(row.journey) ?? [];
    const seen = keys.flatMap((key) => received.get(key) ?? []);
    repeated += seen.reduce((sum, each) => sum + each.repeated, 0);
    if (keys.length > 1) doubled.push(`${id}: ${keys.length} idempotency keys`);
    if (seen.some(({ bytes }) => bytes.size > 1)) doubled.push(`${id}: other bytes under one key`);
    const isWithheld = (row.name === 'held' || row.name === 'loose') && row.person.endsWith('-no');
    if (isWithheld) {
      if (row.state !== 'drafted') lost.push(`${id}: a draft that nobody decided is ${row.state}`);
      if (keys.length > 0) doubled.push(`${id}: a draft was sent that nobody approved`);
      if (row.ended === (row.name === 'held')) lost.push(`${id}: its journey ${row.ended ? 'did not wait' : 'waits'}`);
      continue;
    }
    slowest = Math.max(slowest, ...seen.map(({ firstAt }) => firstAt / 1_000 - row.due));
    if (row.state !== 'sent' || !row.ended) lost.push(`${id}: ${row.state}, ${row.ended ? 'ended' : 'not ended'}`);
    if (row.state === 'sent' && keys[0] !== row.delivery) lost.push(`${id}: sent, but nobody received it`);
  }
  for (const [person, theirs] of grouped(rows, (row) => row.person)) {
    const applied = theirs.filter(({ name, state }) => name !== 'loose' && state === 'sent').length;
    const count = theirs[0]?.count ?? 0;
    if (count < applied) lost.push(`${person}: ${applied} successes, counted ${count}`);
    if (count > applied) doubled.push(`${person}: ${applied} successes, counted ${count}`);
  }
  return { lost, doubled, repeated, cutOff, slowest, latest };
}

function grouped<K, T>(all: Iterable<T>, keyOf: (each: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const each of all) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each]);
  return groups;
}
