import { eq, inArray } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ingestEvents } from '../../db/events.ts';
import { newId } from '../../db/id.ts';
import { attributeChanges, events, people } from '../../db/schema/people.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

describe('two lists of events with the same ids', () => {
  it('are stored once, in whatever order they come, and neither is turned away', async () => {
    const { db } = database;
    const key = newId('per');
    const release = await holdTransaction(db, async (tx) => {
      await tx.insert(people).values({ key, id: 'somebody else', attributes: {} });
      const at = new Date();
      await tx
        .insert(events)
        .values({ id: 'e-5', personKey: key, number: 1, name: 'met', data: {}, timestamp: at, receivedAt: at });
    });
    const list = (person: string) =>
      Array.from({ length: 10 }, (_, id) => ({ id: `e-${id}`, person, name: 'met', data: {}, backfill: false }));
    // Each has stored its first half and waits for e-5.
    const storing = Promise.all([ingestEvents(db, list('ada')), ingestEvents(db, list('eve').toReversed())]);
    await untilBlocked(db, 'hookline test', 2);
    await release();

    const accepted = (await storing).map((result) => result.filter(({ isNew }) => isNew).length);
    expect(accepted.toSorted((a, b) => a - b)).toEqual([0, 10]);
  });
});

const metBy = (person: string) => ({ person, name: 'met', data: {}, backfill: false });

describe('a list of events', () => {
  it('makes new people in its order, and numbers the events of each in it', async () => {
    const { db } = database;
    const list = ['zoe', 'ann', 'zoe', 'mia', 'ann', 'zoe'];
    const stored = await ingestEvents(
      db,
      list.map((name) => metBy(name)),
    );
    const made = await db
      .select({ id: people.id, lastNumber: people.lastNumber })
      .from(people)
      .where(inArray(people.id, list))
      .orderBy(people.key);
    expect(made).toEqual([
      { id: 'zoe', lastNumber: 3 },
      { id: 'ann', lastNumber: 2 },
      { id: 'mia', lastNumber: 1 },
    ]);
    const numbers = stored.map(async ({ id }) => {
      const [row] = await db.select({ number: events.number }).from(events).where(eq(events.id, id));
      return row?.number;
    });
    expect(await Promise.all(numbers)).toEqual([1, 1, 2, 1, 2, 3]);
  });

  it.each([
    [25, true],
    [23, false],
  ])('has attributes that start nothing where the event happened %d hours ago: %s', async (hours, backfill) => {
    const person = `late by ${hours}`;
    const timestamp = new Date(Date.now() - hours * 3_600_000);
    await ingestEvents(database.db, [{ ...metBy(person), timestamp, attributes: { plan: 'gold' } }]);
    const changes = await database.db
      .select({ backfill: attributeChanges.backfill })
      .from(attributeChanges)
      .innerJoin(people, eq(people.key, attributeChanges.personKey))
      .where(eq(people.id, person));
    expect(changes).toEqual([{ backfill }]);
  });
});
