import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ingestEvents } from '../../db/events.ts';
import { newId } from '../../db/id.ts';
import { events, people } from '../../db/schema/people.ts';
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
