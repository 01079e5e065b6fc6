import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

type Published = { version: number; state: string };
const put = (id: string, body: unknown, query = '') =>
  hookline.api<Published>('PUT', `/v1/campaigns/${id}${query}`, body);
const get = (id: string) => hookline.api('GET', `/v1/campaigns/${id}`);
const start = (id: string) => hookline.api<Published>('POST', `/v1/campaigns/${id}/start`);
const named = (name: string) => ({ name, trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });

describe('PUT /v1/campaigns/:id', () => {
  it('stores the first version and says what to do next', async () => {
    const { status, body } = await put('first', named('First'));
    expect(status).toBe(200);
    expect(body).toEqual({
      id: 'first',
      version: 1,
      state: 'new',
      inside: {},
      warnings: [],
      next: 'POST /v1/campaigns/first/start lets people enter',
    });
    expect((await get('first')).body).toEqual({
      id: 'first',
      version: 1,
      state: 'new',
      inside: {},
      definition: {
        id: 'first',
        name: 'First',
        trigger: { type: 'manual' },
        steps: [{ type: 'exit', id: 'step-1' }],
      },
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: expect.stringMatching(/Z$/),
    });
  });

  it.each(['close-lead', 'leanplum-status'])('takes the example %s as YAML', async (id) => {
    const { status, body } = await put(id, await readFile(`examples/${id}.yaml`, 'utf8'));
    expect({ status, body }).toMatchObject({ status: 200, body: { id, version: 1 } });
  });

  it('takes the same campaign as YAML and as JSON for the same version', async () => {
    const yaml = `
id: both
trigger: { type: event, event: signed_up, where: { event.plan: gold } }
audience:
  customer.age: { gte: 18 }
steps:
  - type: delay
    for: 1h
  - type: webhook
    id: tell
    url: "https://example.com/{{ customer.id }}"
    body: { json: { plan: "{{ event.plan }}" } }
`;
    const json = {
      steps: [
        { type: 'delay', for: '1h' },
        {
          id: 'tell',
          type: 'webhook',
          body: { json: { plan: '{{ event.plan }}' } },
          url: 'https://example.com/{{ customer.id }}',
        },
      ],
      audience: { 'customer.age': { gte: 18 } },
      trigger: { type: 'event', event: 'signed_up', where: { 'event.plan': 'gold' } },
    };
    expect(await put('both', yaml)).toMatchObject({ status: 200, body: { version: 1 } });
    expect(await put('both', json)).toMatchObject({ status: 200, body: { version: 1 } });
  });

  it('changes nothing when the same definition comes again, numbers of every kind in it', async () => {
    const definition = { ...named('Same'), audience: { 'customer.a': { in: [-0, 1.5, 1e-7, 100] } } };
    await put('same', definition);
    const before = (await get('same')).body;
    const withMinus = JSON.stringify(definition).replace('[0,', '[-0,');
    expect(await put('same', withMinus)).toMatchObject({ body: { version: 1 } });
    expect(await put('same', withMinus, '?dryRun=true')).toMatchObject({ body: { version: 1 } });
    expect(await put('same', { ...definition, id: 'same' })).toMatchObject({ body: { version: 1 } });
    expect((await get('same')).body).toEqual(before);
  });

  it('takes another order of keys for another definition, as it reaches the rendered body', async () => {
    const sending = (json: object) => ({
      trigger: { type: 'manual' },
      steps: [{ type: 'webhook', id: 'tell', url: 'https://example.com', body: { json } }],
    });
    await put('ordered', sending({ a: 1, b: 2 }));
    expect(await put('ordered', sending({ b: 2, a: 1 }), '?dryRun=true')).toMatchObject({ body: { version: 2 } });
    expect(await put('ordered', sending({ b: 2, a: 1 }))).toMatchObject({ body: { version: 2 } });
    expect(JSON.stringify((await get('ordered')).body)).toContain('{"b":2,"a":1}');
    expect(await put('ordered', sending({ b: 2, a: 1 }), '?dryRun=true')).toMatchObject({ body: { version: 2 } });
  });

  it('stores another definition as the next version, and an old one that comes back too', async () => {
    await put('next', named('One'));
    await start('next');
    expect(await put('next', named('Two'))).toMatchObject({
      body: { version: 2, state: 'live', next: 'new entries get this version' },
    });
    expect(await put('next', named('One'))).toMatchObject({ body: { version: 3 } });
    expect(await get('next')).toMatchObject({ body: { version: 3, state: 'live', definition: { name: 'One' } } });
  });

  it('changes a campaign by a version that starts on the same', async () => {
    await put('changed', named('One'));
    await put('changed', named('Two'));
    const published = await hookline.api<{ createdAt: string }>('GET', '/v1/campaigns/changed/versions/2');
    const { createdAt } = published.body;
    expect(await get('changed')).toMatchObject({ body: { updatedAt: createdAt } });
    const { body } = await hookline.api<{ data: object[] }>('GET', '/v1/campaigns?limit=100');
    expect(body.data).toContainEqual(expect.objectContaining({ id: 'changed', version: 2, updatedAt: createdAt }));
  });

  it('gives parallel definitions versions without gaps or doubles', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `Parallel ${index}`);
    const answers = await Promise.all(names.map((name) => put('parallel', named(name))));
    expect(answers.map(({ body }) => body.version).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const same = await Promise.all(names.map(() => put('parallel-same', named('Same'))));
    expect(same.map(({ body }) => body.version)).toEqual(names.map(() => 1));
  });

  it('stores nothing with dryRun, and judges all the same', async () => {
    expect(await put('dry', named('Dry'), '?dryRun=true')).toMatchObject({
      status: 200,
      body: { id: 'dry', version: 1, state: 'new', warnings: [] },
    });
    expectProblem(await get('dry'), 404, 'campaigns.not_found');
    await put('dry', named('Wet'), '?dryRun=false');
    expect(await put('dry', named('Dry'), '?dryRun=true')).toMatchObject({ body: { version: 2 } });
    expect(await put('dry', named('Wet'), '?dryRun=true')).toMatchObject({ body: { version: 1 } });
    expect(await get('dry')).toMatchObject({ body: { version: 1, definition: { name: 'Wet' } } });
    expectProblem(await put('dry', { ...named('Dry'), steps: [] }, '?dryRun=true'), 422, 'campaigns.invalid');
    expect(expectProblem(await put('dry', named('Dry'), '?dryRun=1'), 422, 'input.invalid').faults).toEqual([
      'query.dryRun: "1" is not known; use true or false',
    ]);
  });

  it('warns, and stores, where an event is used that the trigger does not have', async () => {
    const update = { type: 'update', attributes: { plan: '{{ event.plan }}' } };
    const { status, body } = await put('warned', { ...named('Warned'), steps: [update] });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { warnings: ['steps[0].attributes.plan: event.plan is always missing, as the trigger has no event'] },
    });
  });
});

describe('GET /v1/campaigns', () => {
  it('lists all by id, a page at a time, without their definitions', async () => {
    for (const id of ['list-b', 'list-a', 'list-c']) await put(id, named('Listed'));
    const first = await hookline.api<{ data: { id: string }[]; nextCursor: string }>(
      'GET',
      '/v1/campaigns?limit=2&cursor=list',
    );
    expect(first.body).toMatchObject({
      data: [{ id: 'list-a', version: 1, state: 'new' }, { id: 'list-b' }],
      nextCursor: 'list-b',
    });
    expect(first.body.data[0]).not.toHaveProperty('definition');
    const rest = await hookline.api('GET', `/v1/campaigns?limit=1&cursor=${first.body.nextCursor}`);
    expect(rest.body).toMatchObject({ data: [{ id: 'list-c' }] });
  });
});

describe('POST /v1/campaigns/:id/start', () => {
  const setState = (id: string, state: string) =>
    hookline.database.db.execute(`update campaigns set state = '${state}' where id = '${id}'`);

  it('makes a campaign live, however often it is asked', async () => {
    await put('started', named('Started'));
    const answers = await Promise.all([1, 2, 3].map(() => start('started')));
    answers.push(await start('started'));
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { id: 'started', state: 'live' } });
    expect(await get('started')).toMatchObject({ body: { state: 'live', version: 1 } });
  });

  it('starts a stopped campaign again', async () => {
    await put('stopped', named('Stopped'));
    await setState('stopped', 'stopped');
    expect(await start('stopped')).toMatchObject({ status: 200, body: { state: 'live' } });
  });

  it('refuses a paused one, which is resumed instead', async () => {
    await put('paused', named('Paused'));
    await setState('paused', 'paused');
    const { detail } = expectProblem(await start('paused'), 409, 'campaigns.state');
    expect(detail).toContain('paused');
    expect(await get('paused')).toMatchObject({ body: { state: 'paused' } });
  });

  it('says how to publish a campaign that nobody knows', async () => {
    const { detail } = expectProblem(await start('none'), 404, 'campaigns.not_found');
    expect(detail).toBe('No campaign has the id "none". PUT /v1/campaigns/none publishes one.');
  });
});
