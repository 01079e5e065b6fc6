import pino from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { claimTests } from '../../db/test-sends.ts';
import { testSends } from '../../db/schema/test-sends.ts';
import { startTestSends } from '../../relay/test-sends.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

const PICK_UP_MS = 5_000;

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});
afterAll(() => hookline.stop());

const test = () =>
  hookline.api('POST', '/v1/webhooks/test', {
    webhook: { url: 'http://127.0.0.1:9/', timeout: '1s' },
    customer: {},
  });

/** Takes a test up as a worker does, and then nothing more. */
const claimed = () =>
  eventually(async () => {
    const [row] = await claimTests(hookline.database.db, { count: 1, youngerThanMs: PICK_UP_MS });
    return row;
  });

it('without a worker a test answers so, and is not sent later', async () => {
  const answer = await test();
  expect(expectProblem(answer, 504, 'worker.unavailable').detail).toContain('will not be sent');
  expect(await hookline.database.db.select().from(testSends)).toEqual([]);
});

it('a test whose API has stopped is not sent by a worker that comes late, and is deleted', async () => {
  const { database } = hookline;
  const createdAt = (ago: number) => ({ job: Buffer.from('job'), createdAt: new Date(Date.now() - ago) });
  await database.db.insert(testSends).values([
    { id: 'tst_late', ...createdAt(PICK_UP_MS + 1_000) },
    { id: 'tst_old', ...createdAt(6 * 60_000) },
    { id: 'tst_new', ...createdAt(0) },
  ]);
  const sent: string[] = [];
  const send = async ({ id }: { id: string }) => void sent.push(id);
  const workers = await Promise.all(
    [1, 2].map(() => startTestSends({ database, send, log: pino({ level: 'silent' }) })),
  );
  const ids = await eventually(async () => {
    const rows = await database.db.select({ id: testSends.id }).from(testSends);
    return sent.length > 0 && rows.length === 2 && rows.map(({ id }) => id);
  });
  await Promise.all(workers.map((worker) => worker.stop()));
  expect(ids.toSorted()).toEqual(['tst_late', 'tst_new']);
  expect(sent).toEqual(['tst_new']);
  await database.db.delete(testSends);
});

it('a test whose worker is gone is unknown, and nobody takes it up again', async () => {
  const answer = test();
  await claimed();
  expect(await claimTests(hookline.database.db, { count: 1, youngerThanMs: PICK_UP_MS })).toEqual([]);
  expect(await answer).toMatchObject({
    status: 200,
    body: { request: { url: 'http://127.0.0.1:9/' }, response: null, class: 'unknown', error: { code: 'worker_lost' } },
  });
  expect(await hookline.database.db.select().from(testSends)).toEqual([]);
});
