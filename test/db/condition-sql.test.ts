import { and, asc, gt, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conditionSql } from '../../db/condition-sql.ts';
import { createFacts } from '../../db/facts.ts';
import type { Db } from '../../db/open.ts';
import { people } from '../../db/schema/people.ts';
import { listZones } from '../../db/zones.ts';
import { conditionSchema, type Condition } from '../../domain/condition/condition.ts';
import { evaluateCondition } from '../../domain/condition/evaluate-condition.ts';
import type { Path } from '../../domain/condition/path.ts';
import { predicateOf, type Moment } from '../../domain/condition/predicate.ts';
import { inspect } from '../../domain/input/faults.ts';
import { CASES_NOW, CONDITION_CASES } from '../domain/condition/condition-cases.ts';
import { factsOf, type Fields } from '../domain/condition/past.ts';
import { randomCondition, randomPerson, seeded } from '../domain/condition/random-condition.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { storePeople } from '../support/pasts.ts';

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase({ locale: 'en' });
  ({ db } = database);
});
afterAll(() => database.close());

const now = new Date(CASES_NOW);

/** At `CASES_NOW`, in the zones that people are in. */
const moment = async (): Promise<Moment> => ({ now, timezone: 'UTC', zones: await listZones(db) });

/** Those of whom a condition holds. */
async function select(condition: Condition, at: Moment, data = {}): Promise<Set<string>> {
  const rows = await db
    .select({ key: people.key })
    .from(people)
    .where(conditionSql(predicateOf(condition, at, data)));
  return new Set(rows.map(({ key }) => key));
}

describe('a condition as SQL', () => {
  let keys: string[];
  const stored = CONDITION_CASES.map(({ customer: { id, ...attributes }, past }, index) => {
    return { id: typeof id === 'string' ? id : `case-${index}`, attributes, past };
  });
  let at: Moment;
  beforeAll(async () => {
    keys = await storePeople(db, stored);
    at = await moment();
  });

  it.each(CONDITION_CASES.map((one, index) => ({ ...one, index })))(
    '$name',
    async ({ condition, customer, event, index, holds }) => {
      const key = keys[index] ?? '';
      const data: Fields = event ? { event } : {};
      const predicate = predicateOf(condition, at, data);
      const [row] = await db
        .select({ holds: conditionSql(predicate) })
        .from(people)
        .where(sql`${people.key} = ${key}`);
      expect(row).toEqual({ holds });
      const facts = createFacts(db, { personKey: key });
      expect((await evaluateCondition(condition, { customer, ...data }, now, facts)).holds).toBe(holds);
    },
  );
});

describe('the largest condition that is allowed', () => {
  it('runs as SQL, also where what it asks has the most values', async () => {
    const [key = ''] = await storePeople(db, [{ id: 'largest', attributes: {}, past: {} }]);
    const path: Path = `customer.a${`['-1']`.repeat(62)}`;
    const before: Condition = { [path]: { before: '-7d' } };
    const count = { eq: 1, ne: 2, gt: 0, gte: 1, lt: 2, lte: 1 };
    const performed: Condition = { performed: { event: 'opened', within: '30d', count } };
    const tests = Array.from({ length: 1000 }, (_, index) => (index < 156 ? before : performed));
    const condition: Condition = { not: { or: tests } };
    expect(inspect(conditionSchema, condition).success).toBe(true);
    const [row] = await db
      .select({ holds: conditionSql(predicateOf(condition, await moment())) })
      .from(people)
      .where(sql`${people.key} = ${key}`);
    expect(row).toEqual({ holds: true });
  });
});

describe('the facts about a person', () => {
  it('are those up to a place in their own order, at any depth', async () => {
    const opened = { name: 'opened', at: CASES_NOW };
    const past = { events: [opened, { name: 'closed', at: CASES_NOW }, opened] };
    const [personKey = ''] = await storePeople(db, [{ id: 'in-order', attributes: {}, past }]);
    const valuesUpTo = async (upTo: number, condition: Condition) =>
      (await evaluateCondition(condition, {}, now, createFacts(db, { personKey, upTo }))).values;
    const count: Condition = { performed: { event: 'opened' } };
    expect(await valuesUpTo(2, count)).toEqual({ 'performed opened': 1 });
    expect(await valuesUpTo(3, count)).toEqual({ 'performed opened': 2 });
    const nested: Condition = { performed: { event: 'opened', where: { performed: { event: 'closed' } } } };
    const shown = 'performed opened where {"performed":{"event":"closed"}}';
    expect(await valuesUpTo(1, nested)).toEqual({ [shown]: 0 });
    expect(await valuesUpTo(2, nested)).toEqual({ [shown]: 1 });
  });
});

describe('any condition', () => {
  it('selects as SQL those of whom it holds in memory', async () => {
    const random = seeded(20_260_331);
    const rounds = 1000;
    const stored = Array.from({ length: 30 }, (_, index) => ({ ...randomPerson(random), id: `random-${index}` }));
    const keys = await storePeople(db, stored);
    const at = await moment();
    const { attributes: event } = randomPerson(random);
    const known = { customer: stored.map(({ attributes }) => attributes), event: [event] };
    const counted = stored.flatMap(({ past }) => past.events.map(({ name, data }) => ({ name, ...data })));
    const differing: unknown[] = [];
    let decided = 0;
    for (let round = 0; round < rounds; round += 1) {
      const condition = randomCondition(random, known, counted);
      const selected = await select(condition, at, { event });
      const held = await Promise.all(
        stored.map(async ({ id, attributes, past }, index) => {
          const scope = { customer: { ...attributes, id }, event };
          const { holds } = await evaluateCondition(condition, scope, now, factsOf(past));
          if (holds !== selected.has(keys[index] ?? '')) differing.push({ condition, attributes, past, event, holds });
          return holds;
        }),
      );
      if (new Set(held).size > 1) decided += 1;
    }
    expect(differing).toEqual([]);
    // Conditions that hold of everybody or of nobody would prove little.
    expect(decided / rounds).toBeGreaterThan(0.3);
  });
});

describe('an audience out of 20,000 people', () => {
  const audience: Condition = {
    'customer.plan': 'gold',
    'customer.age': { gte: 18 },
    segment: 'even',
    performed: { event: 'seen', where: { 'event.n': { lt: 5 } }, within: '1y' },
  };

  it('is selected page by page, in the order of keys', async () => {
    await db.execute(sql`
      insert into people (key, id, attributes)
      select 'zzz_' || lpad(n::text, 6, '0'), 'crowd-' || n,
        jsonb_build_object('plan', case n % 4 when 0 then 'gold' else 'trial' end, 'age', (n % 50)::text)
      from generate_series(1, 20000) as n`);
    await db.execute(sql`
      with segment as (
        insert into segments (id, version, condition) values ('even', 1, '{}') returning id
      )
      insert into segment_members (segment_id, person_key, since)
      select 'even', 'zzz_' || lpad(n::text, 6, '0'), now() from generate_series(2, 20000, 2) as n`);
    await db.execute(sql`
      insert into events (id, person_key, number, name, data, timestamp, received_at)
      select 'crowd-' || n, 'zzz_' || lpad(n::text, 6, '0'), 1, 'seen', jsonb_build_object('n', n % 10), ${CASES_NOW}, ${CASES_NOW}
      from generate_series(1, 20000) as n`);
    const isMember = conditionSql(predicateOf(audience, await moment()));
    const pages: string[][] = [];
    for (let after = ''; ; after = pages.at(-1)?.at(-1) ?? after) {
      const page = await db
        .select({ key: people.key })
        .from(people)
        .where(and(gt(people.key, after), isMember))
        .orderBy(asc(people.key))
        .limit(1000);
      if (page.length === 0) break;
      pages.push(page.map(({ key }) => key));
    }
    const expected = Array.from({ length: 20_000 }, (_, index) => index + 1)
      .filter((n) => n % 4 === 0 && n % 50 >= 18 && n % 10 < 5)
      .map((n) => `zzz_${String(n).padStart(6, '0')}`);
    expect(pages.flat()).toEqual(expected);
    expect(pages.length).toBe(Math.ceil(expected.length / 1000));
  });

  it('reads of a page no more than its own people and their events, also in an alternative', async () => {
    await db.execute(sql`analyze people`);
    await db.execute(sql`analyze events`);
    const either: Condition = { or: [{ 'customer.plan': 'none' }, { performed: { event: 'seen' } }] };
    const [plan] = await db.execute<{ 'QUERY PLAN': [{ Plan: object }] }>(sql`
      explain (analyze, format json) select key from people
      where key > 'zzz' and ${conditionSql(predicateOf(either, await moment()))} order by key limit 100`);
    expect(plan?.['QUERY PLAN'][0].Plan).toMatchObject({
      'Node Type': 'Limit',
      Plans: [
        {
          'Index Name': 'people_pkey',
          'Actual Rows': 100,
          Plans: [{ 'Actual Loops': 100, Plans: [{ 'Relation Name': 'events', 'Actual Rows': 1 }] }],
        },
      ],
    });
  });
});
