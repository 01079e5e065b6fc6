import { sql } from 'drizzle-orm';
import { findNextPeople } from '../db/broadcast-pages.ts';
import { openDatabase, type Db } from '../db/open.ts';
import { broadcasts } from '../db/schema/campaigns.ts';
import type { Condition } from '../domain/condition/condition.ts';
import { predicateOf } from '../domain/condition/predicate.ts';
import type { Servers } from './servers.ts';

const PEOPLE = 100_000;
const AT_ONCE = 500;

const AUDIENCES: Record<string, Condition> = {
  attribute: { 'customer.tier': 'gold', 'customer.crowd': true },
  performed: { performed: { event: 'bought', where: { 'event.total': { gt: 50 } }, within: '30d' } },
};

/** How fast an audience is gone through, page by page, among 100,000 people of whom a tenth is meant; and how Postgres finds it. */
export async function benchAudience(servers: Servers): Promise<string> {
  const { db, close } = openDatabase(servers.databaseUrl, { max: 2, application: 'hookline bench' });
  try {
    await makeCrowd(servers, db);
    const lines: string[] = [];
    for (const [name, condition] of Object.entries(AUDIENCES)) lines.push(`${name} ${await measure(db, condition)}`);
    return `audience: of ${PEOPLE} people, ${lines.join('; ')}`;
  } finally {
    await close();
  }
}

async function makeCrowd(servers: Servers, db: Db): Promise<void> {
  await servers.publish('audience', { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
  await db.execute(sql`
    insert into people (key, id, attributes)
    select 'per_crowd_' || lpad(n::text, 8, '0'), 'crowd-' || n,
      jsonb_build_object('n', n, 'crowd', true, 'tier', case when n % 10 = 0 then 'gold' else 'free' end, 'text', repeat('x', 200))
    from generate_series(1, ${PEOPLE}::int) as n`);
  // Three events each: one in ten has bought for enough.
  await db.execute(sql`
    insert into events (id, person_key, number, name, data, timestamp, received_at)
    select key || kind, key, kind, case kind when 1 then 'bought' else 'seen' end,
      jsonb_build_object('total', case when (attributes->>'n')::int % 10 = 0 then 80 else 20 end), now(), now()
    from people, generate_series(1, 3) as kind where key like 'per_crowd_%'`);
  await db.execute(sql`insert into broadcasts (id, campaign_id, version, request_hash, data, selected, state)
    values ('brd_audience', 'audience', 1, '', '{}', 0, 'stopped')`);
  await db.execute(sql`vacuum analyze people, events`);
}

async function measure(db: Db, condition: Condition): Promise<string> {
  const now = new Date();
  const predicate = predicateOf(condition, { now, timezone: 'UTC', zones: [] });
  const [broadcast] = await db
    .select()
    .from(broadcasts)
    .where(sql`id = 'brd_audience'`);
  if (!broadcast) throw new Error('there is no broadcast');
  const audience = { predicates: [predicate], zone: null };
  const startedAt = performance.now();
  let selected = 0;
  let slowestMs = 0;
  for (let cursor: string | null = null; ;) {
    const pageAt = performance.now();
    const page = await findNextPeople(db, { ...broadcast, cursor }, audience, AT_ONCE);
    slowestMs = Math.max(slowestMs, performance.now() - pageAt);
    selected += page.keys.length;
    if (page.isLast) break;
    ({ cursor } = page);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  const nodes = await planOf(db, (explained) => findNextPeople(explained, broadcast, audience, AT_ONCE));
  const rate = (PEOPLE / seconds).toFixed(0);
  return `${selected} selected at ${rate} people/s, slowest page ${slowestMs.toFixed(0)} ms (${nodes.join(' > ')})`;
}

type Node = { 'Node Type': string; Plans?: Node[] };

/** The nodes of the last statement's plan, from the top. */
async function planOf(db: Db, run: (explained: Db) => Promise<unknown>): Promise<string[]> {
  let nodes: string[] = [];
  const execute: Db['execute'] = (query) => {
    const explaining = typeof query === 'string' ? sql.raw(query) : query.getSQL();
    const ran = db
      .execute<{ 'QUERY PLAN': [{ Plan: Node }] }>(sql`explain (format json) ${explaining}`)
      .then((rows) => {
        nodes = rows[0] ? nodesOf(rows[0]['QUERY PLAN'][0].Plan) : [];
      });
    void ran;
    return db.execute(query);
  };
  await run({ ...db, execute });
  return nodes;
}

const nodesOf = (node: Node): string[] => [node['Node Type'], ...(node.Plans ?? []).flatMap(nodesOf)];
