import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

const steps = [{ type: 'exit' }];

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
  await hookline.api('PUT', '/v1/people/ada', { attributes: { timezone: 'Asia/Kolkata' } });
});
afterAll(() => hookline.stop());

type Listed = { data: { id: string; campaign: string }[]; nextCursor: string | null };
const list = async (query: string) => (await hookline.api<Listed>('GET', `/v1/broadcasts?${query}`)).body;

type Shown = { upcoming?: { localTime: string; zone: string; dueAt: string }[] };
const shown = async (id: string) => (await hookline.api<Shown>('GET', `/v1/campaigns/${id}`)).body;

describe('GET /v1/broadcasts', () => {
  it('lists those of a campaign, page by page, and those in a state', async () => {
    await hookline.publish('letters', { trigger: { type: 'manual' }, steps });
    const path = '/v1/campaigns/letters/trigger';
    const made: string[] = [];
    for (const meant of [{ people: ['ada'] }, { people: ['ada'] }, { audience: { 'customer.plan': 'gold' } }]) {
      const { body } = await hookline.api<{ broadcast: { id: string } }>('POST', path, meant);
      made.push(body.broadcast.id);
    }
    const first = await list('campaign=letters&limit=2');
    expect(first.data.map(({ id }) => id)).toEqual(made.slice(0, 2));
    const second = await list(`campaign=letters&limit=2&cursor=${first.nextCursor}`);
    expect([second.data.map(({ id }) => id), second.nextCursor]).toEqual([made.slice(2), null]);
    expect((await list('campaign=letters&state=running')).data).toEqual([
      {
        id: made[2],
        campaign: 'letters',
        version: 1,
        state: 'running',
        selected: 0,
        createdAt: expect.any(String),
        endedAt: null,
      },
    ]);
    expect((await list('order=desc&limit=1')).data).toEqual(second.data);
    expect((await list('campaign=other')).data).toEqual([]);
    expectProblem(await hookline.api('GET', '/v1/broadcasts?state=begun'), 422, 'input.invalid');
  });

  it('has those of schedules, which nobody was told the ids of, with the time that made them', async () => {
    await hookline.publish('at-once', { trigger: { type: 'schedule' }, steps });
    const [made] = await eventually(async () => {
      const { data } = await list('campaign=at-once');
      return data.length > 0 && data;
    });
    const broadcast = { campaign: 'at-once', occurrence: expect.stringMatching(/^\d{4}-.*Z$/), state: 'running' };
    expect(made).toMatchObject(broadcast);
    const { body } = await hookline.api('GET', `/v1/broadcasts/${made?.id}`);
    expect(body).toMatchObject({ ...broadcast, entered: 0, refused: {} });
  });
});

describe('a campaign by schedule', () => {
  it('shows when it goes off next, in each zone of its people', async () => {
    await hookline.publish('daily', { trigger: { type: 'schedule', cron: '30 9 * * *', timezone: 'person' }, steps });
    const upcoming = await eventually(async () => {
      const times = (await shown('daily')).upcoming ?? [];
      return times.length === 2 && times;
    });
    const localTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT09:30$/);
    const byZone = Object.fromEntries(upcoming.map(({ zone, ...time }) => [zone, time]));
    expect(byZone).toEqual({
      'Asia/Kolkata': { localTime, dueAt: expect.stringMatching(/T04:00:00.000Z$/) },
      UTC: { localTime, dueAt: expect.stringMatching(/T09:30:00.000Z$/) },
    });
    expect(upcoming.map(({ dueAt }) => dueAt)).toEqual(upcoming.map(({ dueAt }) => dueAt).toSorted());
    await hookline.api('POST', '/v1/campaigns/daily/stop');
    expect((await shown('daily')).upcoming).toEqual([]);
  });

  it('alone shows that', async () => {
    await hookline.publish('by-event', { trigger: { type: 'event', event: 'x' }, steps });
    expect(await shown('by-event')).not.toHaveProperty('upcoming');
  });
});
