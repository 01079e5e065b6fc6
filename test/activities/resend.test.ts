import { ApplicationFailure } from '@temporalio/activity';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findResend, requestResends } from '../../db/resends.ts';
import { resends } from '../../db/schema/resends.ts';
import { environment, runIn, shutDown, startActivities, type TestActivities } from '../support/activities.ts';
import { hang, respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

const MAPPED = {
  response: { attributes: { lead: '{{ response.lead }}', times: '{{ customer.times | default: 0 | plus: 1 }}' } },
};

async function delivery(name: string, fields: object = {}) {
  const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${name}`), ...fields };
  return test.freeze(await test.enter(name, { steps: [step] }, { person: name }), 'tell');
}

const requestsTo = (name: string) => test.receiver.requests.filter(({ url }) => url === `/${name}`);

/** Asks for a resend; answers its id, or nothing where it was refused. */
async function ask(delivery: string, retry = false): Promise<string | undefined> {
  const by = { key: 'admin', actor: 'ops' };
  await requestResends(test.db, [delivery], { by, reason: null, retry, lane: 0 });
  const open = await test.db.select().from(resends).where(eq(resends.deliveryId, delivery));
  return open.find(({ endedAt }) => endedAt === null)?.id;
}

const make = (delivery: string, resend: string | undefined) =>
  runIn(test.another().sendWebhook, { delivery, resend: resend ?? '' });

/** One more attempt, to its end. */
const again = async (delivery: string) => make(delivery, await ask(delivery));

/** How long until the next attempt, as Temporal is told. */
async function delayAfter(delivery: string, resend: string | undefined): Promise<unknown> {
  const error: unknown = await make(delivery, resend).catch((reason: unknown) => reason);
  if (!(error instanceof ApplicationFailure)) throw new Error('the activity did not throw an ApplicationFailure');
  return error.nextRetryDelay;
}

describe('a resend of a delivery that was sent', () => {
  it('sends the same bytes with the same key and a fresh signature, and maps nothing', async () => {
    test.receiver.on('/twice', respond({ json: { lead: 7 } }), respond({ json: { lead: 8 } }));
    const id = await delivery('twice', { body: { json: { at: '{{ now }}' } }, ...MAPPED });
    await test.send(id);
    const before = await test.delivery(id);
    test.passMs(60_000);
    expect(await again(id)).toMatchObject({ state: 'sent' });

    const [first, second] = requestsTo('twice');
    const { 'webhook-timestamp': at, 'webhook-signature': signature, ...headers } = first?.headers ?? {};
    const { 'webhook-timestamp': later, 'webhook-signature': other, ...sameHeaders } = second?.headers ?? {};
    expect(sameHeaders).toEqual(headers);
    expect(second?.body).toEqual(first?.body);
    expect(Number(later) - Number(at)).toBe(60);
    expect(other).not.toBe(signature);

    expect(await test.attributes('twice')).toEqual({ lead: 7, times: 1 });
    const { mapping, sentAt, firstAttemptAt } = before;
    expect(await test.delivery(id)).toMatchObject({
      ...{ state: 'sent', mapping, sentAt, firstAttemptAt },
      attempts: [
        { number: 1, trigger: 'automatic', class: 'sent' },
        { number: 2, trigger: 'manual', class: 'sent' },
      ],
      resends: [{ by: { key: 'admin', actor: 'ops' }, endedAt: expect.any(Date), error: null }],
    });
  });

  it('leaves it sent when it fails', async () => {
    test.receiver.on('/then-fails', respond(), respond({ status: 503 }));
    const id = await delivery('then-fails');
    await test.send(id);
    expect(await again(id)).toMatchObject({ state: 'failed' });
    expect(await test.delivery(id)).toMatchObject({
      state: 'sent',
      error: null,
      attempts: [{ class: 'sent' }, { class: 'retryable' }],
      resends: [{ error: { code: 'server_error' }, endedAt: expect.any(Date), nextAttemptAt: null }],
    });
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
    expect(requestsTo('then-fails')).toHaveLength(2);
  });
});

describe('a resend of a delivery that has failed', () => {
  it('applies its mapping once, also when another resend follows, and leaves its journey as it is', async () => {
    test.receiver.on('/recovers', respond({ status: 400 }), respond({ status: 404 }), respond({ json: { lead: 7 } }));
    const id = await delivery('recovers', MAPPED);
    await test.send(id);
    const journeyId = (await test.delivery(id)).journeyId ?? '';
    await test.endJourney({ journey: journeyId, state: 'completed', reason: null });
    const { log: _log, lastError: _error, ...journey } = await test.journey(journeyId);

    expect(await again(id)).toMatchObject({ state: 'failed' });
    expect(await test.delivery(id)).toMatchObject({ state: 'failed', error: { message: 'the receiver answered 404' } });
    expect(await test.attributes('recovers')).toEqual({});
    expect(await again(id)).toMatchObject({ state: 'sent' });
    expect(await again(id)).toMatchObject({ state: 'sent' });
    expect(await test.attributes('recovers')).toEqual({ lead: 7, times: 1 });
    expect(await test.delivery(id)).toMatchObject({ state: 'sent', error: null, mapping: { state: 'applied' } });
    expect((await test.delivery(id)).attempts.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    const { log, lastError, ...after } = await test.journey(journeyId);
    expect({ after, lastError }).toEqual({ after: journey, lastError: null });
    expect(log.map(({ what }) => what)).toEqual(['rendered', 'failed', 'completed', 'sent']);
  });

  it('goes through the whole policy where that is asked for, which counts anew', async () => {
    test.receiver.on('/policy', respond({ status: 503 }));
    const id = await delivery('policy', { retry: { times: 2, within: '1h' } });
    await expect(test.send(id)).rejects.toThrow();
    test.passMs(2 * 3_600_000);
    expect(await test.send(id)).toMatchObject({ state: 'failed' });

    const resend = await ask(id, true);
    expect(await delayAfter(id, resend)).toBe(10_000);
    expect((await test.delivery(id)).resends).toMatchObject([
      { nextAttemptAt: new Date(test.clock.now.getTime() + 10_000), error: { code: 'server_error' }, endedAt: null },
    ]);
    expect(await ask(id, true)).toBe(resend);
    test.passMs(10_000);
    expect(await delayAfter(id, resend)).toBe(20_000);
    test.passMs(20_000);
    expect(await make(id, resend)).toMatchObject({ state: 'failed' });
    const { attempts } = await test.delivery(id);
    expect(attempts.filter(({ trigger }) => trigger === 'manual')).toHaveLength(3);
    expect(attempts.find(({ trigger }) => trigger === 'manual')?.id).toBe(resend);
    expect(await make(id, resend)).toMatchObject({ state: 'failed' });
    expect((await test.delivery(id)).attempts).toHaveLength(attempts.length);
  });
});

describe('resends at once', () => {
  it('of one delivery make one attempt', async () => {
    const id = await delivery('double-click');
    await test.send(id);
    const asked = await Promise.all(Array.from({ length: 20 }, () => ask(id)));
    expect(new Set(asked).size).toBe(1);
    await make(id, asked[0]);
    await make(id, asked[0]);
    expect(requestsTo('double-click')).toHaveLength(2);
  });

  it.each([
    ['that never rendered', { url: 'https://a.example/{{ customer.nobody }}' }],
    ['that is not sent yet', {}],
  ])('of one %s are refused', async (name, fields) => {
    const id = await delivery(name.replaceAll(' ', '-'), { url: 'https://a.example/x', ...fields });
    expect(await ask(id)).toBeUndefined();
  });
});

describe('a worker that dies during a resend', () => {
  async function resendAndDie(name: string, id: string, resend: string | undefined) {
    const worker = environment();
    const sending = worker.run(test.another().sendWebhook, { delivery: id, resend: resend ?? '' });
    await eventually(async () => requestsTo(name).length > 1);
    shutDown(worker);
    await expect(sending).rejects.toThrow();
  }

  it('leaves an attempt that becomes unknown; with the whole policy the next one is made', async () => {
    test.receiver.on('/dies-again', respond({ status: 400 }), hang(), respond({ json: { lead: 7 } }));
    const id = await delivery('dies-again', MAPPED);
    await test.send(id);
    const resend = await ask(id, true);
    await resendAndDie('dies-again', id, resend);
    expect(await ask(id)).toBe(resend);
    expect(await make(id, resend)).toMatchObject({ state: 'sent' });
    expect((await test.delivery(id)).attempts).toMatchObject([
      { class: 'rejected' },
      { number: 2, class: 'unknown', error: { code: 'worker_lost' } },
      { number: 3, class: 'sent' },
    ]);
    expect(await test.attributes('dies-again')).toEqual({ lead: 7, times: 1 });
  });

  it('ends the resend where it was the only attempt, and another one may follow', async () => {
    test.receiver.on('/dies-alone', respond({ status: 400 }), hang(), respond());
    const id = await delivery('dies-alone');
    await test.send(id);
    const resend = await ask(id);
    await resendAndDie('dies-alone', id, resend);
    expect(await make(id, resend)).toMatchObject({ state: 'failed' });
    expect(await test.delivery(id)).toMatchObject({ state: 'failed', error: { code: 'worker_lost' } });
    expect(await findResend(test.db, resend ?? '')).toMatchObject({ endedAt: expect.any(Date) });
    expect(await again(id)).toMatchObject({ state: 'sent' });
  });
});

it('a 2xx of a resend that comes late wins over the attempt after it', async () => {
  test.receiver.on('/overtaken', respond({ status: 400 }), respond({ json: { lead: 7 } }), respond({ status: 503 }));
  const id = await delivery('overtaken', MAPPED);
  await test.send(id);
  const resend = (await ask(id, true)) ?? '';
  let win = () => {};
  const won = new Promise<void>((resolve) => (win = resolve));
  const holding = (until: () => Promise<unknown>) =>
    test.another({
      http: {
        ...test.http,
        async send(request, limits) {
          const exchange = await test.http.send(request, limits);
          await until();
          return exchange;
        },
      },
    }).sendWebhook;
  let second: Promise<unknown> = Promise.resolve();
  const first = holding(async () => {
    second = runIn(
      holding(() => won),
      { delivery: id, resend },
    ).catch((error: unknown) => error);
    await eventually(async () => requestsTo('overtaken').length === 3);
  });
  expect(await runIn(first, { delivery: id, resend })).toMatchObject({ state: 'sent' });
  win();
  expect(await second).toBeInstanceOf(ApplicationFailure);
  expect(await test.delivery(id)).toMatchObject({
    state: 'sent',
    error: null,
    resends: [{ error: null, nextAttemptAt: null, endedAt: expect.any(Date) }],
  });
  expect(await test.attributes('overtaken')).toEqual({ lead: 7, times: 1 });
});

it('a resend waits in line like all others, and ends after 24 hours there', async () => {
  const id = await delivery('in-line');
  await test.send(id);
  const { destination } = await test.delivery(id);
  await test.db
    .execute(sql`update destinations set open_until = ${new Date(test.clock.now.getTime() + 3_600_000).toISOString()}::timestamptz
    where origin = ${destination}`);
  const { sendWebhook } = test.another({ breaker: true });
  const resend = (await ask(id)) ?? '';
  expect(await runIn(sendWebhook, { delivery: id, resend })).toMatchObject({ state: 'parked', reason: 'breaker' });
  expect(await test.delivery(id)).toMatchObject({ state: 'sent', parked: { reason: 'breaker' } });
  test.passMs(24 * 3_600_000);
  expect(await runIn(sendWebhook, { delivery: id, resend })).toMatchObject({ state: 'failed' });
  expect(await test.delivery(id)).toMatchObject({
    state: 'sent',
    error: null,
    parked: null,
    resends: [{ error: { code: 'delivery.parked_too_long' }, endedAt: expect.any(Date) }],
  });
  expect(requestsTo('in-line')).toHaveLength(1);
});
