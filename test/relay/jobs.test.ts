import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Db } from '../../db/open.ts';
import { workOffJob } from '../../relay/jobs.ts';
import { insertDeliveries } from '../support/deliveries.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';

let hookline: Hookline;
let db: Db;
const failed: unknown[] = [];

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  ({ db } = hookline.database);
});
afterAll(() => hookline.stop());

const work = (on: Db = db) => workOffJob(on, { now: () => new Date(), onFailed: (_job, error) => failed.push(error) });

async function startJob(body: object, route = 'decide'): Promise<string> {
  const answer = await hookline.api<{ job: { id: string } }>('POST', `/v1/deliveries/${route}`, body);
  expect(answer.status).toBe(202);
  return answer.body.job.id;
}

const job = async (id: string) => (await hookline.api('GET', `/v1/jobs/${id}`)).body;

async function commandsOf(campaign: string): Promise<number> {
  const [row] = await db.execute<{ count: number }>(
    sql`select count(*)::int from commands where workflow_id like ${`delivery/dlv_${campaign}_%`}`,
  );
  return row?.count ?? 0;
}

/** A relay that is killed when it has worked on a part, before that is committed. */
function dying(on: Db): Db {
  const transaction: Db['transaction'] = (run, ...more) =>
    on.transaction(
      async (tx) => {
        await run(tx);
        throw new Error('killed');
      },
      ...more,
    );
  return Object.assign(Object.create(on), { transaction });
}

describe('a job', () => {
  it('is worked off part by part, and shows how far it has come', async () => {
    const ids = await insertDeliveries(db, { count: 600, state: 'drafted', campaign: 'parts' });
    await hookline.api('POST', `/v1/deliveries/${ids[3]}/discard`);
    const id = await startJob({ decision: 'approve', ids: [...ids, 'dlv_unknown'], reason: 'all fine', expect: 599 });
    const begun = { id, type: 'approve', matched: 599, createdAt: expect.any(String), endedAt: null };
    expect(await job(id)).toEqual({ ...begun, state: 'queued', decided: 0, refused: [] });

    await work();
    const notDrafted = { id: ids[3], code: 'deliveries.not_drafted' };
    expect(await job(id)).toEqual({ ...begun, state: 'running', decided: 199, refused: [notDrafted] });
    expect(await work()).toBe(1);
    expect(await work()).toBe(1);
    expect(await work()).toBe(1);
    expect(await work()).toBe(0);
    expect(await job(id)).toMatchObject({
      state: 'completed',
      decided: 599,
      refused: [notDrafted, { id: 'dlv_unknown', code: 'deliveries.not_found' }],
      endedAt: expect.any(String),
    });
    expect(await commandsOf('parts')).toBe(599);
    expect((await hookline.api('GET', `/v1/deliveries/${ids[599]}`)).body).toMatchObject({
      decision: { by: { key: 'admin', actor: null }, decision: 'approve', reason: 'all fine' },
    });
  });

  it('decides each once, and forgets none, when relays are killed in the middle and others go on', async () => {
    await insertDeliveries(db, { count: 1_000, state: 'drafted', campaign: 'killed' });
    const id = await startJob({ decision: 'approve', filter: { campaign: 'killed' } });
    await work();
    failed.length = 0;
    await work(dying(db));
    expect(String(failed)).toBe('Error: killed');
    expect(await job(id)).toMatchObject({ decided: 200 });
    expect(await work()).toBe(0);
    await db.execute(sql`update jobs set due_at = now()`);

    const relay = async () => {
      while ((await commandsOf('killed')) < 1_000) await work();
    };
    await Promise.all([relay(), relay(), relay()]);
    await work();
    expect(await job(id)).toMatchObject({ state: 'completed', matched: 1_000, decided: 1_000, refused: [] });
    expect(await commandsOf('killed')).toBe(1_000);
  });

  it('of resends starts each once, the oldest first, behind decisions, also when its relay is killed', async () => {
    const ids = await insertDeliveries(db, { count: 600, state: 'failed', campaign: 'again', frozen: true });
    await insertDeliveries(db, { count: 3, state: 'sent', campaign: 'again-sent', frozen: true });
    await insertDeliveries(db, { count: 1, state: 'failed', campaign: 'unrendered' });
    await hookline.api('POST', `/v1/deliveries/${ids[5]}/resend`);
    const id = await startJob({ filter: {}, retry: true, reason: 'it is back' }, 'resend');
    expect(await job(id)).toMatchObject({ type: 'resend', matched: 601 });
    await work();
    await work(dying(db));
    await db.execute(sql`update jobs set due_at = now()`);
    while ((await work()) > 0);
    expect(await job(id)).toMatchObject({
      state: 'completed',
      decided: 599,
      refused: [
        { id: ids[5], code: 'deliveries.under_way' },
        { id: 'dlv_unrendered_00001', code: 'deliveries.not_rendered' },
      ],
    });
    const told = await db.execute<{ delivery: string; lane: number }>(sql`
      select command->>'delivery' as delivery, lane from commands where command->>'type' = 'startResend' order by lane, id`);
    expect(told.map(({ delivery }) => delivery)).toEqual([ids[5], ...ids.filter((each) => each !== ids[5])]);
    expect(told.map(({ lane }) => lane)).toEqual([0, ...Array.from({ length: 599 }, () => 1)]);
    expect((await hookline.api('GET', `/v1/deliveries/${ids[0]}`)).body).toMatchObject({
      resends: [{ by: { key: 'admin', actor: null }, reason: 'it is back', retry: true, endedAt: null }],
    });
  });

  it('is worked off by a relay that runs', async () => {
    const running = await startHookline({ worker: false });
    await insertDeliveries(running.database.db, { count: 501, state: 'drafted', campaign: 'all' });
    const { body } = await running.api<{ job: { id: string } }>('POST', '/v1/deliveries/decide', {
      decision: 'discard',
      filter: {},
    });
    await expect
      .poll(async () => (await running.api('GET', `/v1/jobs/${body.job.id}`)).body, { timeout: 10_000 })
      .toMatchObject({ state: 'completed', decided: 501 });
    await running.stop();
  });

  it('that nobody knows is not found', async () => {
    expect(await hookline.api('GET', '/v1/jobs/job_1')).toMatchObject({
      status: 404,
      body: { code: 'jobs.not_found' },
    });
  });
});
