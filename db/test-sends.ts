import { and, eq, isNull, sql } from 'drizzle-orm';
import type { TestJob, TestOutcome } from '../domain/journey/test-send.ts';
import type { Cipher } from './cipher.ts';
import type { Db } from './open.ts';
import { testSends } from './schema/test-sends.ts';
import { sealed } from './sealed.ts';

/** A test that is this worker's, and nobody else's ever after. */
export type ClaimedTest = { id: string; job: Buffer; claimedMs: number };

/** A row that is gone was answered already, or swept. */
export type TestStage = 'waiting' | 'claimed' | 'ended' | 'gone';

const job = sealed.testJob;
const outcome = sealed.testOutcome;

export async function insertTest(db: Db, cipher: Cipher, id: string, test: TestJob): Promise<void> {
  await db.insert(testSends).values({ id, job: cipher.seal(JSON.stringify(test), job.rowOf(id)) });
}

/** Takes tests up, the oldest first, each for ever: who dies with one leaves it without an outcome. Older ones are left alone. */
export async function claimTests(db: Db, limits: { count: number; youngerThanMs: number }): Promise<ClaimedTest[]> {
  const rows = await db.execute<ClaimedTest>(sql`
    update test_sends set claimed_at = clock_timestamp()
    where id in (
      select id from test_sends
      where claimed_at is null and created_at > clock_timestamp() - ${limits.youngerThanMs} * interval '1 ms'
      order by id limit ${limits.count} for update skip locked)
    returning id, job, (extract(epoch from claimed_at) * 1000)::float8 as "claimedMs"`);
  return [...rows];
}

export const openTest = (cipher: Cipher, test: ClaimedTest): TestJob =>
  JSON.parse(cipher.open(test.job, job.rowOf(test.id))) as TestJob;

export async function endTest(db: Db, cipher: Cipher, id: string, result: TestOutcome): Promise<void> {
  const fresh = cipher.seal(JSON.stringify(result), outcome.rowOf(id));
  await db.update(testSends).set({ outcome: fresh }).where(eq(testSends.id, id));
}

export async function listTestStages(db: Db, ids: string[]): Promise<Map<string, TestStage>> {
  const rows = await db
    .select({
      id: testSends.id,
      stage: sql<TestStage>`case when outcome is not null then 'ended' when claimed_at is not null then 'claimed' else 'waiting' end`,
    })
    .from(testSends)
    .where(sql`${testSends.id} = any(${sql.param(ids)}::text[])`);
  return new Map(rows.map(({ id, stage }) => [id, stage]));
}

/** Gives up a test that nobody has taken up; answers false where somebody has. */
export async function dropUnclaimedTest(db: Db, id: string): Promise<boolean> {
  const dropped = await db
    .delete(testSends)
    .where(and(eq(testSends.id, id), isNull(testSends.claimedAt)))
    .returning({ id: testSends.id });
  return dropped.length > 0;
}

/** Ends the row, and answers the outcome; null where there is none. */
export async function takeTestOutcome(db: Db, cipher: Cipher, id: string): Promise<TestOutcome | null> {
  const [row] = await db.delete(testSends).where(eq(testSends.id, id)).returning({ outcome: testSends.outcome });
  return row?.outcome ? (JSON.parse(cipher.open(row.outcome, outcome.rowOf(id))) as TestOutcome) : null;
}

/** Deletes tests whose API stopped before it could answer. Answers how many. */
export async function sweepTests(db: Db, olderThanMs: number): Promise<number> {
  const swept = await db
    .delete(testSends)
    .where(sql`${testSends.createdAt} < clock_timestamp() - ${olderThanMs} * interval '1 ms'`)
    .returning({ id: testSends.id });
  return swept.length;
}
