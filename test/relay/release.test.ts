import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { releaseParked } from '../../relay/release.ts';
import { startActivities, type TestActivities } from '../support/activities.ts';

const ORIGIN = 'https://busy.example';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

/** A destination with a line of so many deliveries, the first since the longest time; its breaker opens in 5 s to one attempt. */
async function standInLine(length: number): Promise<void> {
  const { db, clock } = test;
  await db.execute(sql`delete from deliveries`);
  await db.execute(sql`delete from commands`);
  await test.enter('letter', { steps: [{ type: 'delay', for: '1h' }] });
  const now = clock.now.toISOString();
  await db.execute(sql`
    insert into destinations (origin, id, shown, open_until, openings)
    values (${ORIGIN}, 'dst_1', ${ORIGIN}, ${now}::timestamptz + interval '5 s', 1)
    on conflict (origin) do update set open_until = excluded.open_until`);
  await db.execute(sql`
    insert into deliveries (id, person_key, state, missing, mapping, timeout_ms, destination)
    select 'dlv_' || lpad(n::text, 5, '0'), (select key from people limit 1), 'queued', '[]', '{}', 4000, ${ORIGIN}
    from generate_series(1, ${length}::int) as n`);
  await db.execute(sql`
    insert into parked (delivery_id, destination, workflow_id, reason, since)
    select id, destination, 'journey/' || id, 'breaker', ${now}::timestamptz - interval '1 h' + substr(id, 5)::int * interval '1 ms'
    from deliveries where destination = ${ORIGIN}`);
}

/** Those who were told to come make their attempt, and it ends. */
async function attemptsEnd(): Promise<void> {
  await test.db.execute(sql`delete from parked where released_until is not null`);
}

const release = () => releaseParked(test.db, { now: test.clock.now, breaker: true });

const sum = (numbers: number[]) => numbers.reduce((total, each) => total + each, 0);

async function told(): Promise<string[]> {
  const rows = await test.db.execute<{ delivery: string }>(
    sql`with gone as (delete from commands returning id, command) select command->>'subject' as delivery from gone order by id`,
  );
  return rows.map(({ delivery }) => delivery);
}

it('who was told to come and cannot be woken is not told again, and keeps no slot', async () => {
  await standInLine(1);
  test.passMs(5_000);
  expect(await release()).toBe(1);
  await test.db.execute(sql`update commands set error = 'WorkflowNotFoundError: it is gone'`);
  test.passMs(61_000);
  expect(await release()).toBe(0);
  expect(await told()).toEqual(['dlv_00001']);
  expect(await release()).toBe(1);
});

it('ten thousand in line come one first, then 20 at a time, the oldest first, however often and by how many relays they are told', async () => {
  await standInLine(10_000);
  expect(await release()).toBe(0);
  test.passMs(5_000);
  expect(sum(await Promise.all([release(), release(), release()]))).toBe(1);
  expect(await told()).toEqual(['dlv_00001']);

  await attemptsEnd();
  await test.db.execute(sql`update destinations set open_until = null, openings = 0`);
  let next = 2;
  for (let round = 0; round < 5; round += 1) {
    expect(sum(await Promise.all([release(), release(), release()]))).toBe(20);
    const expected = Array.from({ length: 20 }, (_, at) => `dlv_${String(next + at).padStart(5, '0')}`);
    expect((await told()).toSorted()).toEqual(expected);
    next += 20;
    await attemptsEnd();
  }
});
