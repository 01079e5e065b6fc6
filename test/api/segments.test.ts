import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';

type Problem = { status: number; code: string; detail: string; errors?: { path: string; message: string }[] };
type People = { data: { id: string; key: string; since: string }[]; nextCursor: string | null };

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 2 });
});
afterAll(() => hookline.stop());

const put = (id: string, body: unknown, query = '') => hookline.api('PUT', `/v1/segments/${id}${query}`, body);
const refused = async (method: string, path: string, body?: unknown) =>
  (await hookline.api<Problem>(method, path, body)).body;

const ready = (id: string) =>
  eventually(async () => {
    const { body } = await hookline.api<{ state: string }>('GET', `/v1/segments/${id}`);
    return body.state === 'ready' && body;
  });

const steps = [{ type: 'delay', for: '1h' }];

describe('a segment', () => {
  it('is stored, as YAML too, filled, read, listed with its people page by page, and deleted', async () => {
    for (const person of ['ada', 'bob', 'cyd']) {
      await hookline.api('PUT', `/v1/people/${person}`, { attributes: { plan: person === 'bob' ? 'free' : 'gold' } });
    }
    expect(await put('gold', { condition: { 'customer.plan': 'gold' } }, '?dryRun=true')).toMatchObject({
      status: 200,
      body: { id: 'gold', version: 1, state: 'filling', next: expect.stringContaining('dryRun') },
    });
    expect((await hookline.api('GET', '/v1/segments/gold')).status).toBe(404);

    const stored = await put('gold', 'name: Gold members\ncondition: { customer.plan: gold }');
    expect(stored).toMatchObject({ status: 200, body: { id: 'gold', version: 1, warnings: [] } });
    expect(await ready('gold')).toMatchObject({
      id: 'gold',
      name: 'Gold members',
      version: 1,
      state: 'ready',
      people: 2,
      condition: { 'customer.plan': 'gold' },
    });
    const again = await put('gold', { name: 'Gold members', condition: { 'customer.plan': 'gold' } });
    expect(again.body).toEqual({
      id: 'gold',
      version: 1,
      state: 'ready',
      people: 2,
      warnings: [],
      next: 'GET /v1/segments/gold/people lists who belongs to it',
    });
    expect((await put('gold', { name: 'Gold', condition: { 'customer.plan': 'gold' } })).body).toMatchObject({
      version: 1,
      state: 'ready',
    });

    const first = (await hookline.api<People>('GET', '/v1/segments/gold/people?limit=1')).body;
    expect(first.data).toEqual([{ id: 'ada', key: expect.stringMatching(/^per_/), since: expect.any(String) }]);
    const second = await hookline.api<People>('GET', `/v1/segments/gold/people?cursor=${first.nextCursor}`);
    expect(second.body).toMatchObject({ data: [{ id: 'cyd' }], nextCursor: null });
    expect((await hookline.api('GET', '/v1/segments')).body).toMatchObject({
      data: [{ id: 'gold', name: 'Gold', version: 1, state: 'ready' }],
      nextCursor: null,
    });
    expect(await hookline.api('DELETE', '/v1/segments/gold')).toMatchObject({ status: 200, body: { id: 'gold' } });
    for (const path of ['/v1/segments/gold', '/v1/segments/gold/people']) {
      expect(await refused('GET', path)).toMatchObject({ status: 404, code: 'segments.not_found' });
    }
  });

  it('is refused with all faults at once', async () => {
    await put('loyal', { condition: { performed: { event: 'bought' } } });
    expect(
      await refused('PUT', '/v1/segments/best', { colour: 1, condition: { segment: 'loyl', 'event.x': 1 } }),
    ).toEqual(
      expect.objectContaining({
        status: 422,
        code: 'segments.invalid',
        errors: [
          { path: 'colour', message: expect.stringContaining('unknown key') },
          { path: 'condition.segment', message: 'no segment has the id "loyl"; did you mean "loyal"?' },
          { path: "condition['event.x']", message: expect.stringContaining('knows no event') },
        ],
      }),
    );
    expect(await refused('PUT', '/v1/segments/No', {})).toMatchObject({ status: 422, code: 'input.invalid' });
  });

  it('may not lead in a circle, whoever is first', async () => {
    await put('left', { condition: { 'customer.x': 1 } });
    await put('right', { condition: { 'customer.x': 2 } });
    const answers = await Promise.all([
      put('left', { condition: { segment: 'right' } }),
      put('right', { condition: { segment: 'left' } }),
    ]);
    expect(answers.map(({ status }) => `${status}`).toSorted()).toEqual(['200', '422']);
  });
});

describe('a segment in use', () => {
  it('is not deleted while another segment, a campaign, or people inside an older version name it', async () => {
    await put('silver', { condition: { 'customer.plan': 'silver' } });
    await put('shiny', { condition: { or: [{ segment: 'silver' }] } });
    await ready('silver');
    await hookline.publish('polish', {
      trigger: { type: 'event', event: 'dulled' },
      audience: { not: { segment: 'silver' } },
      steps: [{ type: 'wait', id: 'shine', until: { segment: 'silver' }, timeout: '1d' }],
    });
    await hookline.publish('greet', { trigger: { type: 'segment', segment: 'silver', change: 'enter' }, steps });
    expect(await refused('DELETE', '/v1/segments/silver')).toMatchObject({
      status: 409,
      code: 'segments.in_use',
      detail: expect.stringContaining('campaigns/greet/versions/1, campaigns/polish/versions/1, segments/shiny'),
      errors: [
        { path: 'campaigns/greet/versions/1', message: 'names it at trigger.segment' },
        { path: 'campaigns/polish/versions/1', message: 'names it at audience.not.segment' },
        { path: 'campaigns/polish/versions/1', message: 'names it at steps[0].until.segment' },
        { path: 'segments/shiny', message: 'names it at condition.or[0].segment' },
      ],
    });

    await hookline.api('POST', '/v1/events', { person: 'ada', name: 'dulled' });
    const journey = await eventually(async () => {
      const { body } = await hookline.api<{ data: { id: string }[] }>('GET', '/v1/journeys?person=ada');
      return body.data[0];
    });
    for (const [id, trigger] of [
      ['polish', { type: 'event', event: 'dulled' }],
      ['greet', { type: 'manual' }],
    ] as const) {
      expect((await hookline.api('PUT', `/v1/campaigns/${id}`, { trigger, steps })).status).toBe(200);
    }
    expect((await hookline.api('DELETE', '/v1/segments/shiny')).status).toBe(200);
    expect(await refused('DELETE', '/v1/segments/silver')).toMatchObject({
      errors: [{ path: 'campaigns/polish/versions/1' }, { path: 'campaigns/polish/versions/1' }],
    });
    await hookline.api('POST', `/v1/journeys/${journey.id}/exit`, {});
    expect((await hookline.api('DELETE', '/v1/segments/silver')).status).toBe(200);
  });

  it('is known when a campaign is published that names it, wherever it does', async () => {
    await put('gold', { condition: { 'customer.plan': 'gold' } });
    const definition = {
      trigger: { type: 'segment', segment: 'gild', change: 'enter' },
      audience: { segment: 'golf' },
      goal: { event: 'bought', where: { not: { segment: 'lead' } }, within: '7d' },
      steps: [
        { type: 'wait', until: { or: [{ segment: 'gold' }, { segment: 'tin' }] } },
        { type: 'branch', cases: [{ when: { performed: { event: 'x', where: { segment: 'zinc' } } }, steps: [] }] },
        { type: 'dely', for: '1h' },
      ],
    };
    const { errors = [] } = await refused('PUT', '/v1/campaigns/metals', definition);
    expect(errors.map(({ path }) => path)).toEqual([
      'steps[2].type',
      'trigger.segment',
      'audience.segment',
      'goal.where.not.segment',
      'steps[0].until.or[1].segment',
      'steps[1].cases[0].when.performed.where.segment',
    ]);
    expect(errors[2]?.message).toBe('no segment has the id "golf"; did you mean "gold"?');
  });

  it('is either deleted or published with, never both', async () => {
    for (let round = 0; round < 8; round += 1) {
      const id = `race-${round}`;
      await put(id, { condition: { 'customer.x': round } });
      const [published, deleted] = await Promise.all([
        hookline.api('PUT', `/v1/campaigns/${id}`, { trigger: { type: 'manual' }, audience: { segment: id }, steps }),
        hookline.api('DELETE', `/v1/segments/${id}`),
      ]);
      expect([
        [200, 409],
        [422, 200],
      ]).toContainEqual([published.status, deleted.status]);
    }
  });
});
