import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restartBroadcasts } from '../../db/broadcasts.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { makeCrowd } from '../support/crowd.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ relays: 2, startsPerSecond: 30 });
  await makeCrowd(hookline.database.db, 900);
});
afterAll(() => hookline.stop());

type Broadcast = { state: string; selected: number; entered: number; endedAt: string | null };

const manual = { trigger: { type: 'manual' }, steps: [{ type: 'delay', for: '1h' }] };
const read = async (id: string) => (await hookline.api<Broadcast>('GET', `/v1/broadcasts/${id}`)).body;

async function trigger(campaign: string, body: object): Promise<string> {
  const answer = await hookline.api<{ broadcast: { id: string } }>('POST', `/v1/campaigns/${campaign}/trigger`, body);
  if (answer.status !== 202) throw new Error(JSON.stringify(answer.body));
  return answer.body.broadcast.id;
}

const ended = (id: string) =>
  eventually(async () => {
    const broadcast = await read(id);
    return broadcast.endedAt !== null && broadcast;
  }, 60_000);

const begun = async (broadcast: string) => {
  const [row] = await hookline.database.db.execute<{ people: number }>(sql`
    select count(distinct person_key)::int as people from journeys
    where broadcast_id = ${broadcast} and state <> 'starting' and ended_at is null`);
  return row?.people;
};

describe('a trigger with an audience', () => {
  it('enters everybody in it, and answers the same broadcast when it comes again', async () => {
    await hookline.publish('news', manual);
    const body = { id: 'spring', audience: { 'customer.plan': 'gold' }, data: { issue: 7 } };
    const ids = await Promise.all([1, 2, 3].map(() => trigger('news', body)));
    expect(new Set(ids).size).toBe(1);
    const [id = ''] = ids;
    expect(await ended(id)).toEqual({
      ...{ id, campaign: 'news', version: 1, state: 'completed', selected: 300, entered: 297 },
      refused: { suppressed: 3 },
      createdAt: expect.stringMatching(/Z$/),
      endedAt: expect.stringMatching(/Z$/),
    });
    await eventually(async () => (await begun(id)) === 297, 60_000);
    const other = { ...body, audience: { 'customer.plan': 'free' } };
    expectProblem(await hookline.api('POST', '/v1/campaigns/news/trigger', other), 422, 'idempotency.mismatch');
    expectProblem(await hookline.api('POST', `/v1/broadcasts/${id}/stop`), 409, 'broadcasts.state');
  }, 90_000);

  it('is stopped by an operator: who has not begun does not begin', async () => {
    await hookline.publish('offer', manual);
    const id = await trigger('offer', { audience: { 'customer.n': { gt: 0 } } });
    await eventually(async () => ((await begun(id)) ?? 0) > 20, 60_000);
    expect(await hookline.api('POST', `/v1/broadcasts/${id}/stop`)).toMatchObject({
      status: 200,
      body: { state: 'stopped', endedAt: null },
    });
    expect(await ended(id)).toMatchObject({ state: 'stopped' });
    const { body } = await hookline.api('POST', `/v1/broadcasts/${id}/stop`);
    expect(body).toMatchObject({ state: 'stopped' });
    const people = (await begun(id)) ?? 0;
    expect(people).toBeLessThan(800);
    const workflow = hookline.client.workflow.getHandle(`broadcast/${id}`);
    await eventually(async () => (await workflow.describe()).status.name === 'COMPLETED');
  }, 90_000);

  it('is held while its campaign is paused, when no other is taken, and goes on when that is resumed', async () => {
    await hookline.publish('tips', manual);
    const { db } = hookline.database;
    const release = await holdTransaction(db, (tx) => tx.execute(sql`select 1 from people where id = 'p1' for update`));
    const id = await trigger('tips', { audience: { 'customer.n': { lte: 20 } } });
    await untilBlocked(db, 'hookline test');
    const states = '/v1/campaigns/tips';
    expect(await hookline.api('POST', `${states}/pause`)).toMatchObject({ status: 200, body: { state: 'paused' } });
    await release();
    const details = expectProblem(
      await hookline.api('POST', `${states}/trigger`, { people: ['p1'] }),
      409,
      'campaigns.state',
    );
    expect(details.detail).toBe('Campaign tips is paused; POST /v1/campaigns/tips/resume first.');
    const { history } = await eventually(async () => {
      const history = await hookline.client.workflow.getHandle(`broadcast/${id}`).fetchHistory();
      return history.events?.some((event) => event.timerStartedEventAttributes) && { history };
    });
    expect(history.events?.some((event) => event.workflowExecutionCompletedEventAttributes)).toBe(false);
    expect(await read(id)).toMatchObject({ state: 'running', selected: 0, entered: 0, endedAt: null });
    expect(await hookline.api('POST', `${states}/resume`)).toMatchObject({ status: 200, body: { state: 'live' } });
    expect(await ended(id)).toMatchObject({ state: 'completed', selected: 20, entered: 20 });
  }, 90_000);

  it('goes on by itself where its workflow was terminated in Temporal', async () => {
    await hookline.publish('lost', manual);
    const { db } = hookline.database;
    // Nobody begins meanwhile.
    const release = await holdTransaction(db, (tx) => tx.execute(sql`select 1 from rate_slots for update`));
    const id = await trigger('lost', { audience: { 'customer.n': { lte: 100 } } });
    await eventually(async () => (await read(id)).selected === 100, 60_000);
    await hookline.client.workflow.getHandle(`broadcast/${id}`).terminate();
    await release();
    await db.execute(sql`update broadcasts set created_at = created_at - interval '2 min' where id = ${id}`);
    // As if it had begun a while ago, with these people.
    await db.execute(sql`update people set created_at = created_at - interval '1 day'`);
    await restartBroadcasts(db);
    expect(await ended(id)).toMatchObject({ state: 'completed', selected: 100, entered: 99 });
  }, 90_000);

  it('is refused where nobody knows the broadcast', async () => {
    expectProblem(await hookline.api('POST', '/v1/broadcasts/brd_none/stop'), 404, 'broadcasts.not_found');
  });
});

describe('a schedule without a time', () => {
  it('enters everybody in the audience when the campaign is started', async () => {
    await hookline.publish('launch', {
      ...manual,
      trigger: { type: 'schedule' },
      audience: { performed: { event: 'bought' }, 'customer.n': { lte: 50 } },
    });
    const [row] = await eventually(async () => {
      const rows = await hookline.database.db.execute<{ id: string }>(
        sql`select id from broadcasts where campaign_id = 'launch' and ended_at is not null`,
      );
      return rows.length > 0 && rows;
    }, 60_000);
    expect(await read(row?.id ?? '')).toMatchObject({ state: 'completed', selected: 5, entered: 5 });
  }, 90_000);
});

describe('a schedule whose one time is past', () => {
  it('is published with a warning', async () => {
    const past = { ...manual, trigger: { type: 'schedule', at: '2020-01-01T09:00', timezone: 'person' } };
    const { body } = await hookline.api<{ warnings: string[] }>('PUT', '/v1/campaigns/late', past);
    expect(body.warnings).toEqual(['trigger.at: 2020-01-01T09:00 is past; nobody enters by it']);
  });
});
