import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});
afterAll(() => hookline.stop());

type Move = 'start' | 'pause' | 'resume' | 'stop';

const move = (id: string, to: Move, body?: object) => hookline.api('POST', `/v1/campaigns/${id}/${to}`, body);

/** How each state is reached. */
const PATHS: Record<string, Move[]> = {
  new: [],
  live: ['start'],
  paused: ['start', 'pause'],
  stopped: ['start', 'stop'],
};

let count = 0;

async function campaignIn(state: string): Promise<string> {
  const id = `${state}-${(count += 1)}`;
  await hookline.api('PUT', `/v1/campaigns/${id}`, { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
  for (const step of PATHS[state] ?? []) expect((await move(id, step)).status).toBe(200);
  return id;
}

describe('the state of a campaign', () => {
  it.each<[string, Move, string]>([
    ['new', 'start', 'live'],
    ['new', 'pause', 'cannot be paused'],
    ['new', 'resume', 'cannot be resumed'],
    ['new', 'stop', 'cannot be stopped'],
    ['live', 'start', 'live'],
    ['live', 'pause', 'paused'],
    ['live', 'resume', 'live'],
    ['live', 'stop', 'stopped'],
    ['paused', 'start', 'cannot be started; POST /v1/campaigns/'],
    ['paused', 'pause', 'paused'],
    ['paused', 'resume', 'live'],
    ['paused', 'stop', 'stopped'],
    ['stopped', 'start', 'live'],
    ['stopped', 'pause', 'cannot be paused'],
    ['stopped', 'resume', 'cannot be resumed'],
    ['stopped', 'stop', 'stopped'],
  ])('%s: %s leads to %s', async (from, to, result) => {
    const id = await campaignIn(from);
    const answer = await move(id, to);
    const { body } = await hookline.api('GET', `/v1/campaigns/${id}`);
    if (result.startsWith('cannot')) {
      expect(expectProblem(answer, 409, 'campaigns.state').detail).toContain(`Campaign ${id} is ${from} and ${result}`);
      expect(body).toMatchObject({ state: from });
    } else {
      expect(answer).toMatchObject({ status: 200, body: { id, version: 1, state: result, inside: {} } });
      expect(body).toEqual(answer.body);
    }
  });

  it('is the same however many ask for it at once', async () => {
    const id = await campaignIn('live');
    const answers = await Promise.all(Array.from({ length: 10 }, () => move(id, 'stop', { people: 'exit' })));
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { state: 'stopped' } });
  });

  it('of a campaign that nobody knows is not there, and a stop says what becomes of the people', async () => {
    for (const to of ['pause', 'resume', 'stop'] as const) {
      expectProblem(await move('none', to), 404, 'campaigns.not_found');
    }
    const id = await campaignIn('live');
    expect(expectProblem(await move(id, 'stop', { people: 'leave' }), 422, 'input.invalid').faults).toEqual([
      'people: "leave" is not known; use finish or exit',
    ]);
    expect(await hookline.api('GET', `/v1/campaigns/${id}`)).toMatchObject({ body: { state: 'live' } });
    expect(await move(id, 'stop', {})).toMatchObject({ status: 200 });
  });

  it('says in the answer to a new version how people enter', async () => {
    const id = await campaignIn('paused');
    const body = { trigger: { type: 'manual' }, steps: [{ type: 'exit', reason: 'over' }] };
    expect(await hookline.api('PUT', `/v1/campaigns/${id}`, body)).toMatchObject({
      body: { version: 2, next: `POST /v1/campaigns/${id}/resume lets people enter` },
    });
  });
});
