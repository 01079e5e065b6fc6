import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { eventually } from '../support/eventually.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

const manual = { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] };

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
  await hookline.publish('newsletter', manual);
  for (const id of ['ada', 'grace', 'lin']) await hookline.api('PUT', `/v1/people/${id}`, { attributes: {} });
});

afterAll(() => hookline.stop());

type Triggered = { broadcast: { id: string } };
const trigger = (body: unknown, campaign = 'newsletter') =>
  hookline.api<Triggered>('POST', `/v1/campaigns/${campaign}/trigger`, body);
const countBroadcasts = async (campaign: string) =>
  (await hookline.database.db.execute(`select id from broadcasts where campaign_id = '${campaign}'`)).length;
const setState = (id: string, state: string) =>
  hookline.database.db.execute(`update campaigns set state = '${state}' where id = '${id}'`);

describe('POST /v1/campaigns/:id/trigger', () => {
  it('enters the people, each once, and GET /v1/broadcasts/:id counts them', async () => {
    await hookline.publish('counted', { ...manual, entry: { frequency: 'once' } });
    await trigger({ people: ['grace'] }, 'counted');
    const { status, body } = await trigger({ people: ['ada', 'grace', 'ada'], data: { issue: 7 } }, 'counted');
    expect(status).toBe(202);
    expect(body).toEqual({ broadcast: { id: expect.stringMatching(/^brd_/) } });
    const progress = await eventually(async () => {
      const answer = await hookline.api<{ entered: number; refused: object }>(
        'GET',
        `/v1/broadcasts/${body.broadcast.id}`,
      );
      return answer.body.entered + Object.keys(answer.body.refused).length === 2 && answer.body;
    });
    expect(progress).toEqual({
      id: body.broadcast.id,
      campaign: 'counted',
      version: 1,
      state: 'completed',
      selected: 2,
      entered: 1,
      refused: { frequency: 1 },
      createdAt: expect.stringMatching(/Z$/),
      endedAt: expect.stringMatching(/Z$/),
    });
  });

  it('is refused where nobody knows the campaign, or it starts by an event', async () => {
    expectProblem(await trigger({ people: ['ada'] }, 'none'), 404, 'campaigns.not_found');
    await hookline.publish('by-event', { ...manual, trigger: { type: 'event', event: 'x' } });
    const { detail } = expectProblem(await trigger({ people: ['ada'] }, 'by-event'), 409, 'campaigns.state');
    expect(detail).toBe('Campaign by-event starts by event; only a manual one can be triggered.');
  });

  it.each(['new', 'paused', 'stopped'])('is refused while the campaign is %s', async (state) => {
    await hookline.api('PUT', '/v1/campaigns/idle', manual);
    await setState('idle', state);
    const { detail } = expectProblem(await trigger({ people: ['ada'] }, 'idle'), 409, 'campaigns.state');
    expect(detail).toContain(`is ${state}`);
    expect(await countBroadcasts('idle')).toBe(0);
  });

  it('names each of the people that nobody knows, and enters nobody then', async () => {
    const before = await countBroadcasts('newsletter');
    const answer = await trigger({ people: ['ada', 'nobody', 'grace', '__proto__', 'nobody'] });
    const { detail, faults } = expectProblem(answer, 422, 'input.invalid');
    expect(detail).toBe('2 of the people are not known; nobody was entered.');
    expect(faults).toEqual([
      'people[1]: nobody has the id "nobody"; PUT /v1/people/… first',
      'people[3]: nobody has the id "__proto__"; PUT /v1/people/… first',
      'people[4]: nobody has the id "nobody"; PUT /v1/people/… first',
    ]);
    expect(await countBroadcasts('newsletter')).toBe(before);
  });

  it.each([
    [{}, ['people: is missing; write a list, or an audience']],
    [{ people: ['ada'], audience: { 'customer.plan': 'gold' } }, ['audience: write people or audience, not both']],
    [{ audience: {} }, [/^audience: is empty/]],
    [
      { audience: { or: [{ 'custmer.plan': 'gold' }, { 'customer.age': { gte: 'x', most: 3 } }] } },
      [
        /^audience\.or\[0\]\['custmer\.plan'\]: unknown path/,
        /^audience\.or\[1\]\['customer\.age'\]\.most: unknown key/,
      ],
    ],
    [
      { audience: { and: [{ segment: 'vips' }, { not: { 'event.total': 5 } }], 'responses.lead.id': 7 } },
      [
        'audience.and[0].segment: no segment has the id "vips"; PUT /v1/segments/vips makes one',
        "audience.and[1].not['event.total']: event.… is always missing here; an audience reads customer.… and trigger.…",
        "audience['responses.lead.id']: responses.… is always missing here; an audience reads customer.… and trigger.…",
      ],
    ],
    [{ people: [] }, ['people: must not be empty']],
    [{ people: 'ada' }, ['people: must be a list, not a string']],
    [{ people: ['ada', 5, ''] }, [/^people\[1\]: /, /^people\[2\]: /]],
    [
      { people: ['ada'], data: 5, ids: 'x' },
      ['data: must be an object, not a number', /^ids: unknown key "ids"; did you mean "id"/],
    ],
    [undefined, [': is missing; write an object']],
  ])('refuses %j', async (body, expected) => {
    const { faults } = expectProblem(await trigger(body), 422, 'input.invalid');
    expect(faults).toEqual(expected.map((one) => (one instanceof RegExp ? expect.stringMatching(one) : one)));
  });

  it('takes 1,000 people, and not one more', async () => {
    const people = Array.from({ length: 1_000 }, (_, index) => `crowd-${index}`);
    await hookline.api(
      'POST',
      '/v1/events',
      people.map((person) => ({ person, name: 'x' })),
    );
    expect((await trigger({ people })).status).toBe(202);
    expectProblem(await trigger({ people: [...people, 'ada'] }), 413, 'body.too_large');
  });
});

describe('a trigger with an id', () => {
  it('answers the same broadcast when it comes again, and nobody enters twice', async () => {
    await hookline.publish('repeated', manual);
    const first = await trigger({ id: 'monday', people: ['ada'], data: { a: 1 } }, 'repeated');
    const second = await trigger({ data: { a: 1 }, people: ['ada', 'ada'], id: 'monday' }, 'repeated');
    expect(second).toMatchObject({ status: 202, body: first.body });
    expect(await countBroadcasts('repeated')).toBe(1);
  });

  it('is refused with other people or data', async () => {
    await trigger({ id: 'tuesday', people: ['ada'], data: { a: 1 } });
    for (const other of [
      { people: ['grace'], data: { a: 1 } },
      { people: ['ada'], data: { a: 2 } },
      { people: ['ada'] },
    ]) {
      const { detail } = expectProblem(await trigger({ id: 'tuesday', ...other }), 422, 'idempotency.mismatch');
      expect(detail).toContain('"tuesday"');
    }
  });

  it('is one broadcast where it comes 20 times at once', async () => {
    await hookline.publish('at-once', manual);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => trigger({ id: 'now', people: ['lin', 'ada'] }, 'at-once')),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(new Set(answers.map(({ body }) => body.broadcast.id)).size).toBe(1);
    expect(await countBroadcasts('at-once')).toBe(1);
  });

  it('answers its broadcast even after the campaign was stopped', async () => {
    await hookline.publish('short', manual);
    const first = await trigger({ id: 'one', people: ['ada'] }, 'short');
    await setState('short', 'stopped');
    expect(await trigger({ id: 'one', people: ['ada'] }, 'short')).toMatchObject({ status: 202, body: first.body });
    expectProblem(await trigger({ id: 'two', people: ['ada'] }, 'short'), 409, 'campaigns.state');
  });

  it('answers its broadcast even after a segment of its audience was deleted', async () => {
    await hookline.publish('sale', manual);
    await hookline.api('PUT', '/v1/segments/buyers', { condition: { 'customer.orders': { gte: 1 } } });
    const audience = { segment: 'buyers' };
    const first = await trigger({ id: 'one', audience }, 'sale');
    expect(first.status).toBe(202);
    await hookline.database.db.execute(`delete from segments where id = 'buyers'`);
    expect(await trigger({ id: 'one', audience }, 'sale')).toMatchObject({ status: 202, body: first.body });
    const { detail, faults } = expectProblem(await trigger({ id: 'two', audience }, 'sale'), 422, 'input.invalid');
    expect(detail).toBe('The audience is invalid.');
    expect(faults).toEqual(['audience.segment: no segment has the id "buyers"; PUT /v1/segments/buyers makes one']);
    expectProblem(await trigger({ audience }, 'none'), 404, 'campaigns.not_found');
  });

  it('answers its broadcast even after the campaign came to start by an event', async () => {
    await hookline.publish('changed', manual);
    const first = await trigger({ id: 'one', people: ['ada'] }, 'changed');
    await hookline.api('PUT', '/v1/campaigns/changed', { ...manual, trigger: { type: 'event', event: 'x' } });
    expect(await trigger({ id: 'one', people: ['ada'] }, 'changed')).toMatchObject({ status: 202, body: first.body });
    expectProblem(await trigger({ id: 'one', people: ['lin'] }, 'changed'), 422, 'idempotency.mismatch');
    expectProblem(await trigger({ id: 'two', people: ['ada'] }, 'changed'), 409, 'campaigns.state');
  });

  it('may have been used in another campaign', async () => {
    await hookline.publish('other', manual);
    const answers = [await trigger({ id: 'x', people: ['ada'] }), await trigger({ id: 'x', people: ['lin'] }, 'other')];
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  });
});
