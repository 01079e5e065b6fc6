import { getEventListeners } from 'node:events';
import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});

afterAll(() => test.stop());

/** A delivery of its own campaign and path, ready to be sent. */
async function delivery(name: string, fields: object = {}, enter: Parameters<TestActivities['enter']>[2] = {}) {
  const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${name}`), ...fields };
  const journey = await test.enter(name, { steps: [step] }, enter);
  return test.freeze(journey, 'tell');
}

const requestsTo = (name: string) => test.receiver.requests.filter(({ url }) => url === `/${name}`);

/** How sending failed, as Temporal is told. */
async function failureOf(id: string): Promise<ApplicationFailure> {
  const error: unknown = await test.send(id).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApplicationFailure)) throw new Error('the activity did not throw an ApplicationFailure');
  return error;
}

it('leaves nothing at the signal of its worker, which lives longer than all attempts', async () => {
  const listening: number[] = [];
  const count = () => listening.push(getEventListeners(test.stopping, 'abort').length);
  test.receiver.on('/leaves', (socket, request) => {
    count();
    respond({ status: 503 })(socket, request);
  });
  const id = await delivery('leaves');
  await failureOf(id);
  count();
  expect(listening).toEqual([1, 0]);
});

describe('an answer of 2xx', () => {
  it('sends the frozen bytes, and writes parts of the answer to the person', async () => {
    test.receiver.on('/sent', respond({ status: 201, json: { lead: 7, plan: null } }));
    const id = await delivery(
      'sent',
      {
        method: 'PUT',
        body: { json: { name: '{{ customer.name }}' } },
        response: {
          attributes: { lead: '{{ response.lead }}', plan: '{{ response.plan }}', none: '{{ response.no }}' },
        },
      },
      { person: 'ann', attributes: { name: 'Ann', plan: 'old', none: 'stays' } },
    );
    expect(await test.send(id)).toEqual({ state: 'sent', exit: false, detail: 'webhook tell sent' });
    expect(requestsTo('sent')).toMatchObject([
      { method: 'PUT', headers: { 'idempotency-key': id, 'user-agent': 'Hookline/test' } },
    ]);
    expect(requestsTo('sent')[0]?.body.toString()).toBe('{"name":"Ann"}');
    expect(await test.attributes('ann')).toEqual({ name: 'Ann', lead: 7, none: 'stays' });
    const stored = await test.delivery(id);
    expect(stored).toMatchObject({
      state: 'sent',
      error: null,
      nextAttemptAt: null,
      sentAt: expect.any(Date),
      mapping: { state: 'applied', attributes: { lead: 7, plan: null }, absent: ['none'], error: null },
      attempts: [{ number: 1, trigger: 'automatic', class: 'sent', status: 201, error: null }],
    });
    expect((await test.journey(stored.journeyId ?? '')).log).toMatchObject([
      { step: 'tell', what: 'rendered' },
      { step: 'tell', what: 'sent', details: { delivery: id, status: 201, attempts: 1 } },
    ]);
  });

  it('is not asked for twice: a delivery that is sent answers what is stored', async () => {
    const id = await delivery('twice');
    const first = await test.send(id);
    expect(await test.send(id)).toEqual(first);
    expect(requestsTo('twice')).toHaveLength(1);
    expect((await test.delivery(id)).attempts).toHaveLength(1);
  });
});

describe('a retryable answer', () => {
  it('is thrown with the delay until the stored time of the next attempt, which is the same request', async () => {
    test.receiver.on(
      '/later',
      respond({ status: 503 }),
      respond({ status: 429, headers: { 'retry-after': '120' } }),
      respond(),
    );
    const id = await delivery('later', { body: { json: { a: 1 } } });

    const first = await failureOf(id);
    expect(first).toMatchObject({
      type: 'delivery.retryable',
      message: 'the receiver answered 503',
      nonRetryable: false,
      category: 'BENIGN',
      nextRetryDelay: 10_000,
    });
    expect(await test.delivery(id)).toMatchObject({
      state: 'attempted',
      error: { code: 'server_error' },
      nextAttemptAt: new Date(test.clock.now.getTime() + 10_000),
      attempts: [
        { number: 1, class: 'retryable', status: 503, nextAttemptAt: new Date(test.clock.now.getTime() + 10_000) },
      ],
    });

    test.passMs(10_000);
    expect(await failureOf(id)).toMatchObject({ nextRetryDelay: 120_000 });
    test.passMs(120_000);
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
    const [one, two, three] = requestsTo('later');
    expect(two?.body).toEqual(one?.body);
    const at = (ms: number) => String(Math.floor((test.clock.now.getTime() - ms) / 1000));
    const signed = (headers = {}, timestamp = '') => ({
      ...headers,
      'webhook-timestamp': timestamp,
      'webhook-signature': expect.stringMatching(/^v1,\S{44}$/),
    });
    expect(one?.headers).toEqual(signed(three?.headers, at(130_000)));
    expect(two?.headers).toEqual(signed(three?.headers, at(120_000)));
    expect(three?.headers).toEqual(signed(one?.headers, at(0)));
    expect(one?.headers['idempotency-key']).toBe(id);
    expect((await test.delivery(id)).attempts.map(({ number, status }) => [number, status])).toEqual([
      [1, 503],
      [2, 429],
      [3, 200],
    ]);
  });

  it('that comes back before its time makes no attempt, and waits for the rest', async () => {
    test.receiver.on('/early', respond({ status: 500 }));
    const id = await delivery('early');
    await failureOf(id);
    test.passMs(4_000);
    expect(await failureOf(id)).toMatchObject({ nextRetryDelay: 6_000, message: 'the next attempt is not due yet' });
    expect(requestsTo('early')).toHaveLength(1);
    expect((await test.delivery(id)).attempts).toHaveLength(1);
  });

  it('is returned as failed when no retry is left, and stays so', async () => {
    test.receiver.on('/last', respond({ status: 500 }));
    const id = await delivery('last', { retry: { times: 1 } });
    await failureOf(id);
    test.passMs(10_000);
    const failed = { state: 'failed', exit: false, detail: 'webhook tell failed' };
    expect(await test.send(id)).toEqual(failed);
    expect(await test.send(id)).toEqual(failed);
    expect(requestsTo('last')).toHaveLength(2);
    const stored = await test.delivery(id);
    expect(stored).toMatchObject({
      state: 'failed',
      error: { code: 'server_error', message: 'the receiver answered 500' },
      nextAttemptAt: null,
      attempts: [{ number: 1 }, { number: 2, nextAttemptAt: null }],
    });
    expect((await test.journey(stored.journeyId ?? '')).log).toMatchObject([
      { what: 'rendered' },
      { what: 'failed', details: { attempts: 2, error: { code: 'server_error' } } },
    ]);
  });

  it('ends at the end of its time: the last attempt is made there, and none after it', async () => {
    test.receiver.on('/within', respond({ status: 500 }));
    const id = await delivery('within', { retry: { times: 50, within: '15s' } });
    expect(await failureOf(id)).toMatchObject({ nextRetryDelay: 10_000 });
    test.passMs(10_000);
    expect(await failureOf(id)).toMatchObject({ nextRetryDelay: 5_000 });
    test.passMs(5_000);
    expect(await test.send(id)).toMatchObject({ state: 'failed' });
    expect(requestsTo('within')).toHaveLength(3);
  });

  it('changes no attribute', async () => {
    test.receiver.on('/unmapped', respond({ status: 500, json: { a: 1 } }));
    const fields = { retry: { times: 0 }, response: { attributes: { a: '{{ response.a }}' } } };
    const id = await delivery('unmapped', fields, { person: 'uma', attributes: { a: 0 } });
    expect(await test.send(id)).toMatchObject({ state: 'failed' });
    expect(await test.attributes('uma')).toEqual({ a: 0 });
    expect((await test.delivery(id)).mapping).toMatchObject({ state: 'none', attributes: {} });
  });
});

describe('a permanent failure', () => {
  it.each([
    [400, 'client_error'],
    [404, 'client_error'],
    [302, 'redirect_not_followed'],
  ])('%i is returned at once', async (status, code) => {
    test.receiver.on(`/no-${status}`, respond({ status }));
    const id = await delivery(`no-${status}`);
    expect(await test.send(id)).toEqual({ state: 'failed', exit: false, detail: 'webhook tell failed' });
    expect(requestsTo(`no-${status}`)).toHaveLength(1);
    expect(await test.delivery(id)).toMatchObject({
      state: 'failed',
      error: { code },
      attempts: [{ class: 'rejected', status }],
    });
  });

  it('ends the journey where the webhook says so', async () => {
    test.receiver.on('/exit', respond({ status: 400 }));
    const id = await delivery('exit', { onFailure: 'exit' });
    expect(await test.send(id)).toEqual({ state: 'failed', exit: true, detail: 'webhook tell failed' });
  });

  it('an address that is not allowed is blocked, without a request', async () => {
    const journey = await test.enter(
      'metadata',
      { steps: [{ type: 'webhook', id: 'tell', url: 'http://{{ secrets.metadata_host }}/' }] },
      { person: 'moe' },
    );
    await test.putSecret('metadata_host', '169.254.169.254');
    const id = await test.freeze(journey, 'tell');
    expect(await test.send(id)).toMatchObject({ state: 'failed' });
    expect(await test.delivery(id)).toMatchObject({
      error: { code: 'delivery.blocked' },
      attempts: [{ class: 'blocked' }],
    });
  });
});
