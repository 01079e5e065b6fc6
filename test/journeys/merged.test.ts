import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import type { JourneyBody } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ relays: 2 }), startReceiver()]);
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Journey = JourneyBody & { person: string; log: { step: string; what: string; event?: string }[] };
type Timeline = { data: { type: string; id?: string; cause?: unknown; changes?: unknown }[] };

const post = (id: string, person: string, name: string, more: object = {}) =>
  hookline.api('POST', '/v1/events', { id, person, name, ...more });
const put = (id: string, attributes: object) => hookline.api('PUT', `/v1/people/${id}`, { attributes });
const merge = (id: string, into: string) => hookline.api('POST', `/v1/people/${id}/merge`, { into });
const journey = async (id: string) => (await hookline.api<Journey>('GET', `/v1/journeys/${id}`)).body;
const standing = (person: string, state: string) =>
  eventually(async () => {
    const { body } = await hookline.api<{ data: Journey[] }>('GET', `/v1/journeys?person=${person}`);
    return body.data.find((one) => one.state === state);
  });
const publish = (id: string, ...steps: object[]) =>
  hookline.publish(id, { trigger: { type: 'event', event: id }, steps });

describe('a journey whose person is merged into another one', () => {
  it('waits on, past what the other did before, for what the one person does now', async () => {
    await publish('order', { type: 'wait', id: 'pay', event: 'paid', timeout: '1h' });
    await post('paid-before', 'sam', 'paid');
    await post('order-1', 'anon-1', 'order', { attributes: { zip: '75001' } });
    const { id } = await standing('anon-1', 'waiting');
    const merged = await merge('anon-1', 'sam');
    expect(merged).toMatchObject({ status: 200, body: { id: 'sam', attributes: { zip: '75001' } } });
    expect(await journey(id)).toMatchObject({ person: 'sam', state: 'waiting' });
    await post('paid-after', 'sam', 'paid');
    expect(await hookline.ended('sam')).toMatchObject({ id, state: 'completed' });
    expect((await journey(id)).log).toContainEqual(expect.objectContaining({ what: 'received', event: 'paid-after' }));
  });

  it('finds what came while its webhook was sent, also where it waits for it after the merge', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const reply = respond({ json: {} });
    receiver.on('/slow', (socket, request) => void answered.then(() => reply(socket, request)));
    await publish(
      'call',
      { type: 'webhook', id: 'ask', url: receiver.url('/slow'), timeout: '30s' },
      { type: 'wait', id: 'reply', event: 'replied', timeout: '1h', onTimeout: [{ type: 'exit', reason: 'none' }] },
    );
    await post('reply-old', 'kim', 'replied');
    await post('call-1', 'anon-2', 'call');
    await eventually(async () => receiver.requests.some(({ url }) => url === '/slow'));
    await post('reply-new', 'anon-2', 'replied');
    await eventually(async () => {
      const { body } = await hookline.api<{ hint?: string }>('GET', '/v1/events/reply-new');
      return body.hint?.startsWith('No campaign starts');
    });
    await merge('anon-2', 'kim');
    answer();
    const ended = await hookline.ended('kim');
    expect(ended).toMatchObject({ state: 'completed' });
    expect((await journey(ended.id)).log).toContainEqual(
      expect.objectContaining({ what: 'received', event: 'reply-new' }),
    );
  });

  it('waits until a condition that holds by what the other is', async () => {
    await publish('vip', { type: 'wait', id: 'gold', until: { 'customer.plan': 'gold' } });
    await put('lea', { plan: 'gold' });
    await post('vip-1', 'anon-3', 'vip');
    const { id } = await standing('anon-3', 'waiting');
    await merge('anon-3', 'lea');
    await eventually(async () => (await journey(id)).state === 'completed');
  });
});

describe('segments', () => {
  it('are looked at again, with all that the one person has done', async () => {
    const condition = { performed: { event: 'bought', count: { gte: 2 } }, 'customer.zip': '75001' };
    await hookline.api('PUT', '/v1/segments/buyers', { condition });
    await hookline.publish('thanks', {
      trigger: { type: 'segment', segment: 'buyers', change: 'enter' },
      steps: [{ type: 'exit' }],
    });
    await post('bought-1', 'anon-6', 'bought', { attributes: { zip: '75001' } });
    await post('bought-2', 'una', 'bought');
    await merge('anon-6', 'una');
    expect(await hookline.ended('una')).toMatchObject({ campaign: 'thanks' });
    const members = await hookline.api<{ data: { id: string }[] }>('GET', '/v1/segments/buyers/people');
    expect(members.body.data).toMatchObject([{ id: 'una' }]);
  });
});

describe('a person who was merged', () => {
  it('is gone, starts nothing anew, and is somebody else when the id comes again', async () => {
    await publish('hello', { type: 'exit' });
    await post('hello-1', 'anon-4', 'hello');
    await hookline.ended('anon-4');
    await put('max', {});
    await merge('anon-4', 'max');
    expect(expectProblem(await merge('anon-4', 'max'), 404, 'people.not_found').detail).toBe(
      'No person has the id "anon-4": nobody ever had, or they were merged or erased already. Nothing was merged.',
    );
    await post('hello-2', 'anon-4', 'hello');
    await hookline.ended('anon-4');
    const timeline = async (id: string) =>
      (await hookline.api<Timeline>('GET', `/v1/people/${id}/timeline`)).body.data.map(({ type, id: of }) =>
        type === 'event' ? of : type,
      );
    expect(await timeline('max')).toEqual(['hello-1', 'journey', 'journey']);
    expect(await timeline('anon-4')).toEqual(['hello-2', 'journey', 'journey']);
  });

  it('shows in the timeline of the other what they brought along, page by page', async () => {
    await put('anon-5', { zip: '75001' });
    await post('seen-1', 'anon-5', 'seen');
    await post('seen-2', 'anon-5', 'seen');
    await put('zoe', {});
    await merge('anon-5', 'zoe');
    const walked: Timeline['data'] = [];
    let cursor = '';
    do {
      const { body } = await hookline.api<Timeline & { nextCursor: string | null }>(
        'GET',
        `/v1/people/zoe/timeline?limit=1${cursor && `&cursor=${cursor}`}`,
      );
      walked.push(...body.data);
      cursor = body.nextCursor ?? '';
    } while (cursor !== '');
    expect(walked).toMatchObject([
      { type: 'attributes', cause: { type: 'api' } },
      { id: 'seen-1' },
      { id: 'seen-2' },
      { type: 'attributes', cause: { type: 'merge' }, changes: { zip: { from: null, to: '75001' } } },
    ]);
  });

  it('is neither themselves nor merged into nobody', async () => {
    await put('ada', {});
    expect(expectProblem(await merge('ada', 'ada'), 422, 'input.invalid').faults).toEqual([
      'into: is the same person; name another one',
    ]);
    expect(expectProblem(await merge('ada', 'nobody-else'), 422, 'input.invalid').faults).toEqual([
      'into: nobody has the id "nobody-else"; PUT /v1/people/… first',
    ]);
    expectProblem(await merge('nobody', 'ada'), 404, 'people.not_found');
  });
});
