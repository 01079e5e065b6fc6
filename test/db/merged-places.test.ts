import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newId } from '../../db/id.ts';
import { mergePeople } from '../../db/merge-people.ts';
import type { Db } from '../../db/open.ts';
import { putPerson } from '../../db/people.ts';
import { journeys } from '../../db/schema/journeys.ts';
import { events, inbox } from '../../db/schema/people.ts';
import { eventsBehind, positionBehind } from '../../db/waits.ts';
import { unfitSegments } from '../../domain/segment/unfit-segments.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let db: Db;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ db } = database);
});
afterEach(() => database.close());

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));

async function did(personKey: string, number: number, second: number, { matched = true } = {}) {
  const id = `at-${second}`;
  const received = { timestamp: at(second), receivedAt: at(second) };
  await db.insert(events).values({ id, personKey, number, name: 'did', data: {}, ...received });
  if (!matched) await db.insert(inbox).values({ personKey, number, type: 'event', subject: id });
  await db.execute(sql`update people set last_number = ${number} where key = ${personKey}`);
}

/** A journey that began with the person's first event and is in a delay. */
async function delayed(personKey: string, until: Date) {
  const [journey] = await db
    .insert(journeys)
    .values({
      ...{ id: newId('jrn'), campaignId: 'tour', version: 1, personKey, cause: 'event/first', state: 'delayed' },
      ...{ entryPosition: 1, position: 1, stepId: 'pause', stepType: 'delay', stepUntil: until },
    })
    .returning();
  if (!journey) throw new Error('the journey was not stored');
  return journey;
}

async function seenBehind(journey: typeof journeys.$inferSelect, personKey: string): Promise<string[]> {
  const since = await positionBehind(db, { ...journey, personKey });
  const seen: string[] = [];
  for await (const { id } of eventsBehind(db, { personKey, name: 'did', since })) seen.push(id);
  return seen;
}

describe('the place behind a delay', () => {
  it('has all behind it that came from its time on', async () => {
    const { key } = await putPerson(db, 'ada', {});
    await did(key, 1, 10);
    await did(key, 2, 20);
    const journey = await delayed(key, at(30));
    expect(await seenBehind(journey, key)).toEqual([]);
    await did(key, 3, 30);
    await did(key, 4, 40);
    expect(await seenBehind(journey, key)).toEqual(['at-30', 'at-40']);
  });

  it('has it behind it also after a merge that numbers what was still to be matched last', async () => {
    const { key: old } = await putPerson(db, 'old', {});
    const { key: kept } = await putPerson(db, 'kept', {});
    await did(kept, 1, 10);
    await did(old, 1, 20, { matched: false });
    const journey = await delayed(kept, at(30));
    await did(kept, 2, 40);
    await mergePeople(db, 'old', 'kept', unfitSegments);
    expect(await seenBehind(journey, kept)).toContain('at-40');
  });
});
