import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ingestEvents } from '../../db/events.ts';
import { mergePeople, type MergeResult } from '../../db/merge-people.ts';
import type { Db } from '../../db/open.ts';
import { findPerson, putPerson } from '../../db/people.ts';
import { putPeople } from '../../db/put-people.ts';
import { unfitSegments } from '../../domain/segment/unfit-segments.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { untilBlocked } from '../support/locks.ts';
import { matcherOf } from '../support/matcher.ts';

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ db } = database);
});
afterAll(() => database.close());

describe('merges at the same time', () => {
  const range = (count: number) => Array.from({ length: count }, (_, index) => index);

  it('lose no event that comes for either person, and none is in two places of the order', async () => {
    const match = matcherOf(db);
    for (const round of range(12)) {
      const [a, b] = [`a-${round}`, `b-${round}`];
      const ids = range(6).map((n) => `${round}/${n}`);
      const event = (id: string, person: string) => ({ id, person, name: 'did', data: {}, backfill: false });
      const lists = ids.map((id, n) => (n % 2 ? [a, b] : [b, a]).map((person) => event(`${id}/${person}`, person)));
      await putPeople(
        db,
        [a, b].map((id) => ({ id, attributes: { [id]: 1 } })),
        { backfill: false },
      );
      const keys = await Promise.all([a, b].map(async (id) => (await findPerson(db, id))?.key ?? ''));
      await Promise.all([
        ...lists.slice(0, 3).map((list) => ingestEvents(db, list)),
        mergePeople(db, a, b, unfitSegments),
        ...keys.map((key) => match(key)),
        putPeople(
          db,
          [b, a].map((id) => ({ id, attributes: { late: true } })),
          { backfill: false },
        ),
        ...lists.slice(3).map((list) => ingestEvents(db, list)),
        putPerson(db, a, { x: 1 }),
      ]);
      const stored = await db.execute<{ person: string; number: number }>(sql`
        select people.id as person, events.number::int as number from events join people on key = person_key
        where events.id like ${`${round}/%`}`);
      expect(stored).toHaveLength(12);
      expect(new Set(stored.map(({ person, number }) => `${person} ${number}`)).size).toBe(12);
      const untold = await db.execute(
        sql`select 1 from inbox where person_key not in (select person_key from waiting)`,
      );
      expect(untold).toEqual([]);
    }
  }, 60_000);

  it('of two into each other do one', async () => {
    for (const round of range(10)) {
      const [a, b] = [`x-${round}`, `y-${round}`];
      await putPeople(
        db,
        [a, b].map((id) => ({ id, attributes: {} })),
        { backfill: false },
      );
      const results = await Promise.all([mergePeople(db, a, b, unfitSegments), mergePeople(db, b, a, unfitSegments)]);
      const done = results.filter((result): result is Exclude<MergeResult, string> => typeof result !== 'string');
      expect(done).toHaveLength(1);
      expect(results.filter((result) => result === 'noInto')).toHaveLength(1);
      const left = await Promise.all([findPerson(db, a), findPerson(db, b)]);
      expect(left.flatMap((person) => person?.id ?? [])).toEqual([done[0]?.id]);
    }
  });

  it('hold nobody while they wait for the other, also within another transaction', async () => {
    await putPeople(
      db,
      ['here', 'there'].map((id) => ({ id, attributes: {} })),
      { backfill: false },
    );
    const lock = (tx: Db, id: string) => tx.execute(sql`select 1 from people where id = ${id} for update`);
    const merging = await db.transaction(async (tx) => {
      await lock(tx, 'there');
      const merged = db.transaction((outer) => mergePeople(outer, 'here', 'there', unfitSegments));
      await untilBlocked(db, 'hookline test');
      await lock(tx, 'here');
      return { merged };
    });
    expect(await merging.merged).toMatchObject({ id: 'there' });
  });

  it('of a ring leave one person with everything', async () => {
    const ring = ['r1', 'r2', 'r3', 'r4'];
    await putPeople(
      db,
      ring.map((id) => ({ id, attributes: { [id]: 1 } })),
      { backfill: false },
    );
    await Promise.all(ring.map((id, n) => mergePeople(db, id, ring[(n + 1) % 4] ?? '', unfitSegments)));
    const left = (await Promise.all(ring.map((id) => findPerson(db, id)))).filter((person) => person !== undefined);
    const names = left.flatMap(({ attributes }) => Object.keys(attributes));
    expect(names.toSorted()).toEqual(ring);
  });
});
