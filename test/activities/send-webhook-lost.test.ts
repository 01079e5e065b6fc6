import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Http } from '../../activities/http.ts';
import { openDatabase, type Db } from '../../db/open.ts';
import { deliveries } from '../../db/schema/deliveries.ts';
import { people } from '../../db/schema/people.ts';
import { environment, runIn, shutDown, startActivities, type TestActivities } from '../support/activities.ts';
import { hang, respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});

afterAll(() => test.stop());

async function delivery(name: string, fields: object = {}) {
  const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${name}`), ...fields };
  return test.freeze(await test.enter(name, { steps: [step] }, { person: name }), 'tell');
}

const requestsTo = (name: string) => test.receiver.requests.filter(({ url }) => url === `/${name}`);

/** Begins to send, and takes the worker away once the request has arrived: its attempt stays as it was written, `started`. */
async function sendAndDie(name: string, id: string) {
  const worker = environment();
  const sending = worker.run(test.another().sendWebhook, { delivery: id });
  await eventually(async () => requestsTo(name).length > 0);
  shutDown(worker);
  await expect(sending).rejects.toThrow();
}

describe('a worker that dies after the request', () => {
  it('leaves an attempt that becomes unknown and counts, and the next one is made at once', async () => {
    test.receiver.on('/dies', hang(), respond());
    const id = await delivery('dies');
    await sendAndDie('dies', id);
    expect((await test.delivery(id)).attempts).toMatchObject([{ number: 1, class: 'started' }]);

    expect(await test.send(id)).toMatchObject({ state: 'sent' });
    expect((await test.delivery(id)).attempts).toMatchObject([
      { number: 1, class: 'unknown', error: { code: 'worker_lost' } },
      { number: 2, class: 'sent' },
    ]);
    expect(requestsTo('dies')[1]?.headers).toEqual(requestsTo('dies')[0]?.headers);
  });

  it('with the last retry leaves a delivery that has failed, without another request', async () => {
    test.receiver.on('/dies-last', hang());
    const id = await delivery('dies-last', { retry: { times: 0 } });
    await sendAndDie('dies-last', id);
    expect(await test.send(id)).toMatchObject({ state: 'failed' });
    expect(requestsTo('dies-last')).toHaveLength(1);
    expect(await test.delivery(id)).toMatchObject({ error: { code: 'worker_lost' }, attempts: [{ class: 'unknown' }] });
  });

  it('loses no answer that has arrived: it is stored while the worker shuts down', async () => {
    test.receiver.on('/arrived', respond({ json: { lead: 7 } }));
    const id = await delivery('arrived', { response: { attributes: { lead: '{{ response.lead }}' } } });
    const worker = environment();
    const { sendWebhook } = test.another({ http: whenAnswered(test.http, () => shutDown(worker)) });
    expect(await worker.run(sendWebhook, { delivery: id })).toMatchObject({ state: 'sent' });
    expect(await test.attributes('arrived')).toEqual({ lead: 7 });
  });
});

/** A network on which something happens as soon as the answer is there. */
const whenAnswered = (http: Http, act: () => unknown): Http => ({
  ...http,
  async send(request, limits) {
    const exchange = await http.send(request, limits);
    await act();
    return exchange;
  },
});

/** A database that can be away: each transaction then fails, `away.left` more times. */
function losing(db: Db, away: { left: number }): Db {
  const transaction: Db['transaction'] = (...args) => {
    if (away.left === 0) return db.transaction(...args);
    away.left -= 1;
    return Promise.reject(new Error('the connection to the database was lost'));
  };
  return Object.assign(Object.create(db), { transaction });
}

it('a database that is away before the request has it tried again in ten seconds, not at the pace of a lost worker', async () => {
  const away = openDatabase('postgres://postgres@127.0.0.1:9/none', { max: 1, application: 'hookline test' });
  const { sendWebhook } = test.another({ db: away.db });
  await expect(runIn(sendWebhook, { delivery: 'dlv_1' })).rejects.toMatchObject({
    message: 'Postgres cannot be reached',
    nextRetryDelay: 10_000,
    nonRetryable: false,
  });
  await away.close();
});

it('so has whatever else a claim fails of', async () => {
  const { sendWebhook } = test.another({ db: losing(test.db, { left: 1 }) });
  await expect(runIn(sendWebhook, { delivery: 'dlv_1' })).rejects.toMatchObject({
    message: 'the connection to the database was lost',
    nextRetryDelay: 10_000,
  });
});

describe('a database that is away after the request', () => {
  it('is written to as soon as it is back, and the request is not repeated', async () => {
    test.receiver.on('/away', respond({ json: { lead: 7 } }));
    const id = await delivery('away', { response: { attributes: { lead: '{{ response.lead }}' } } });
    const away = { left: 0 };
    const { sendWebhook } = test.another({
      db: losing(test.db, away),
      http: whenAnswered(test.http, () => (away.left = 3)),
    });
    expect(await runIn(sendWebhook, { delivery: id })).toMatchObject({ state: 'sent' });
    expect(away.left).toBe(0);
    expect(requestsTo('away')).toHaveLength(1);
    expect(await test.attributes('away')).toEqual({ lead: 7 });
  });

  it('that was away before it spends no retry of the webhook', async () => {
    const id = await delivery('away-before', { retry: { times: 0 } });
    const { sendWebhook } = test.another({ db: losing(test.db, { left: 1 }) });
    await expect(runIn(sendWebhook, { delivery: id })).rejects.toThrow('the connection to the database was lost');
    expect(requestsTo('away-before')).toHaveLength(0);
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
  });

  it('is not waited for by a worker that shuts down', async () => {
    const id = await delivery('away-shutdown');
    const worker = environment();
    const away = { left: 0 };
    const { sendWebhook } = test.another({
      db: losing(test.db, away),
      http: whenAnswered(test.http, () => {
        away.left = 1_000;
        shutDown(worker);
      }),
    });
    await expect(worker.run(sendWebhook, { delivery: id })).rejects.toThrow();
    expect((await test.delivery(id)).attempts).toMatchObject([{ class: 'started' }]);
  });
});

describe('two workers with one delivery', () => {
  it('an answer of 2xx that comes late wins over a failure that came after it was sent', async () => {
    test.receiver.on('/late', respond(), respond({ status: 400 }));
    const id = await delivery('late');
    let second: unknown;
    const { sendWebhook } = test.another({ http: whenAnswered(test.http, async () => (second = await test.send(id))) });
    const first = await runIn(sendWebhook, { delivery: id });
    expect(second).toMatchObject({ state: 'failed' });
    expect(first).toMatchObject({ state: 'sent' });
    expect(await test.delivery(id)).toMatchObject({
      state: 'sent',
      error: null,
      attempts: [
        { number: 1, class: 'sent' },
        { number: 2, class: 'rejected' },
      ],
    });
  });

  it('a failure that comes late changes nothing of what the later attempt has done', async () => {
    test.receiver.on('/late-failure', respond({ status: 500 }), respond());
    const id = await delivery('late-failure');
    const { sendWebhook } = test.another({ http: whenAnswered(test.http, () => test.send(id)) });
    expect(await runIn(sendWebhook, { delivery: id })).toMatchObject({ state: 'sent' });
    expect(await test.delivery(id)).toMatchObject({
      state: 'sent',
      attempts: [
        { number: 1, class: 'retryable' },
        { number: 2, class: 'sent' },
      ],
    });
  });
});

describe('a person who is erased', () => {
  const erase = (name: string) => test.db.delete(people).where(eq(people.id, name));
  const gone = { state: 'failed', exit: true, detail: 'the person was erased' };

  it('before the request is not told of, and the journey ends', async () => {
    const id = await delivery('erased-before');
    await erase('erased-before');
    expect(await test.send(id)).toEqual(gone);
    expect(requestsTo('erased-before')).toHaveLength(0);
  });

  it.each([
    ['2xx', 200],
    ['failure', 500],
  ])('during the request is not brought back by a %s', async (_, status) => {
    const name = `erased-${status}`;
    test.receiver.on(`/${name}`, respond({ status, json: { lead: 7 } }));
    const id = await delivery(name, { response: { attributes: { lead: '{{ response.lead }}' } } });
    const { sendWebhook } = test.another({ http: whenAnswered(test.http, () => erase(name)) });
    expect(await runIn(sendWebhook, { delivery: id })).toEqual(gone);
    expect(await test.attributes(name)).toBeUndefined();
    expect(await test.db.select().from(deliveries).where(eq(deliveries.id, id))).toEqual([]);
  });
});
