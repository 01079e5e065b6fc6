import { sql } from 'drizzle-orm';
import { expect, it, onTestFinished } from 'vitest';
import { putPerson } from '../../db/people.ts';
import { dueEntries, outcomes } from '../../db/schema/campaigns.ts';
import { makeLive } from '../support/crowd.ts';
import { createTestDatabase } from '../support/database.ts';
import { relaysOf } from '../support/relays.ts';

it('backfill of a zone, by which a date that was to come has passed, begins nothing', async () => {
  const { db, close } = await createTestDatabase();
  onTestFinished(close);
  const clock = { now: new Date('2027-05-01T06:00:00Z') };
  const relays = relaysOf(db, clock);
  const trigger = { type: 'date', attribute: 'renewal', time: '18:00', timezone: 'person' };
  await makeLive(db, 'renewal', { trigger });
  await putPerson(db, 'ada', { renewal: '2027-05-01', timezone: 'America/New_York' });
  await relays.settle();
  const dueAt = async () => (await db.select().from(dueEntries)).map((entry) => entry.dueAt.toISOString());
  expect(await dueAt()).toEqual(['2027-05-01T22:00:00.000Z']);

  await putPerson(db, 'ada', { timezone: 'Pacific/Kiritimati' }, { backfill: true });
  await db.execute(sql`update attribute_changes set at = ${clock.now.toISOString()}::timestamptz`);
  // It is found, and then it would be due.
  for (let look = 0; look < 2; look += 1) await relays.settle();
  expect(await dueAt()).toEqual(['2027-05-01T04:00:00.000Z']);
  expect(await db.select().from(outcomes)).toEqual([]);
});
