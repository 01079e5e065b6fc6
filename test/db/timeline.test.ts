import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, describe, it } from 'vitest';
import { insertDelivery } from '../../db/deliveries.ts';
import { ingestEvents } from '../../db/events.ts';
import { newId } from '../../db/id.ts';
import { endJourney } from '../../db/journeys.ts';
import type { Db } from '../../db/open.ts';
import { putPerson } from '../../db/people.ts';
import { journeys } from '../../db/schema/journeys.ts';
import { people } from '../../db/schema/people.ts';
import { readTimeline } from '../../db/timeline.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { untilBlocked } from '../support/locks.ts';

let database: TestDatabase;
let personKey: string;
const journeyId = newId('jrn');

beforeAll(async () => {
  database = await createTestDatabase();
  personKey = (await putPerson(database.db, 'ada', {})).key;
  await database.db
    .insert(journeys)
    .values({ id: journeyId, personKey, campaignId: 'tour', version: 1, cause: '', state: 'starting' });
});
afterAll(() => database.close());

const seen = async () => {
  const timeline = await readTimeline(database.db, 'ada', { limit: 200, order: 'asc' });
  return timeline?.data.map(({ kind }) => kind);
};

/** What a timeline shows that is asked for after something was stored and before that is committed. */
async function readBeforeCommit(store: (tx: Db) => Promise<unknown>) {
  const { db } = database;
  const reading = await db.transaction(async (tx) => {
    await store(tx);
    const early = seen();
    await untilBlocked(db, 'hookline test');
    return { early };
  });
  return reading.early;
}

describe('a timeline that is read while something with an earlier time is not committed yet', () => {
  it('waits for events', async () => {
    const event = { person: 'ada', name: 'met', data: {}, attributes: { met: true }, backfill: false };
    expect(await readBeforeCommit((tx) => ingestEvents(tx, [event]))).toEqual(['entered', 'event', 'attributes']);
  });

  it('waits for deliveries, whose transactions share the person', async () => {
    const delivery = { id: newId('dlv'), personKey, state: 'skipped' as const, missing: [], timeoutMs: 4_000 };
    const mapping = { state: 'none' as const, attributes: {}, error: null };
    const store = async (tx: Db) => {
      await tx.select().from(people).where(eq(people.key, personKey)).for('key share');
      await insertDelivery(tx, { ...delivery, mapping });
    };
    expect(await readBeforeCommit(store)).toEqual(['entered', 'event', 'attributes', 'delivery']);
  });

  it('waits for the ends of journeys', async () => {
    const kinds = await readBeforeCommit((tx) => endJourney(tx, journeyId, 'completed', null));
    expect(kinds).toEqual(['entered', 'event', 'attributes', 'delivery', 'ended']);
  });
});

describe('what is stored while a timeline is being read', () => {
  it('takes its time after that', async () => {
    const { db } = database;
    const id = newId('jrn');
    await db.insert(journeys).values({ id, personKey, campaignId: 'tour', version: 1, cause: '', state: 'starting' });
    const { ending, read } = await db.transaction(async (tx) => {
      await tx.select().from(people).where(eq(people.key, personKey)).for('update');
      const waiting = endJourney(db, id, 'completed', null);
      await untilBlocked(db, 'hookline test');
      const [now] = await tx.execute<{ ms: number }>(
        sql`select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
      );
      return { ending: waiting, read: now?.ms };
    });
    await ending;
    const [ended] = await db.select().from(journeys).where(eq(journeys.id, id));
    expect(ended?.endedAt?.getTime()).toBeGreaterThanOrEqual(read ?? Number.NaN);
  });
});

describe('the timeline of an erased person', () => {
  it('is gone with all of it', async () => {
    const { db } = database;
    await db.delete(people).where(eq(people.id, 'ada'));
    expect(await seen()).toBeUndefined();
    for (const table of ['events', 'attribute_changes', 'journeys', 'deliveries']) {
      expect([table, ...(await db.execute(sql`select 1 from ${sql.identifier(table)}`))]).toEqual([table]);
    }
  });
});
