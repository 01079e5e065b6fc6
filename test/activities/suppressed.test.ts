import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setSuppressed } from '../../db/suppress.ts';
import { requestResends } from '../../db/resends.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';
import { untilBlocked } from '../support/locks.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

const SUPPRESSED = { code: 'delivery.suppressed', message: 'The person is suppressed: nothing is sent to them.' };
const steps = (name: string, fields: object = {}) => ({
  steps: [{ type: 'webhook', id: 'tell', url: test.receiver.url(`/${name}`), ...fields }],
});
const requestsTo = (name: string) => test.receiver.requests.filter(({ url }) => url === `/${name}`);

describe('somebody who is suppressed', () => {
  it('reaches a webhook, which is skipped, and goes on', async () => {
    const journey = await test.enter('reached', steps('reached', { onFailure: 'exit' }), { person: 'reached' });
    await setSuppressed(test.db, 'reached', true);
    const prepared = await test.prepare(journey, 'tell', 'webhook');
    expect(prepared).toMatchObject({ type: 'webhook', send: false });
    const { deliveries, log } = await test.journey(journey);
    expect(await test.delivery(deliveries[0] ?? '')).toMatchObject({
      state: 'skipped',
      error: SUPPRESSED,
      request: null,
    });
    expect(log.map(({ step, what, details }) => ({ step, what, details }))).toEqual([
      { step: 'tell', what: 'rendered', details: { delivery: deliveries[0], state: 'skipped', error: SUPPRESSED } },
    ]);
  });

  it('is sent nothing that was rendered before, and their journey goes on', async () => {
    const mapped = { response: { attributes: { lead: '{{ response.lead }}' } }, onFailure: 'exit' };
    const journey = await test.enter('before', steps('before', mapped), { person: 'before' });
    const id = await test.freeze(journey, 'tell');
    await setSuppressed(test.db, 'before', true);
    for (let times = 0; times < 2; times += 1) {
      expect(await test.send(id)).toEqual({ state: 'cancelled', exit: false, detail: 'webhook tell cancelled' });
    }
    expect(requestsTo('before')).toEqual([]);
    expect(await test.delivery(id)).toMatchObject({ state: 'skipped', error: SUPPRESSED, mapping: { state: 'none' } });
    const { log } = await test.journey(journey);
    expect(log.at(-1)).toMatchObject({ step: 'tell', what: 'skipped', details: { delivery: id, error: SUPPRESSED } });
  });

  it('is sent no retry, also before its time', async () => {
    test.receiver.on('/retried', respond({ status: 503 }));
    const id = await test.freeze(await test.enter('retried', steps('retried'), { person: 'retried' }), 'tell');
    await expect(test.send(id)).rejects.toThrow();
    await setSuppressed(test.db, 'retried', true);
    expect(await test.send(id)).toMatchObject({ state: 'cancelled' });
    expect(requestsTo('retried')).toHaveLength(1);
    expect(await test.delivery(id)).toMatchObject({ state: 'skipped', nextAttemptAt: null });
  });

  it('is sent nothing once more: the resend ends and says why, what was sent stays so', async () => {
    const id = await test.freeze(await test.enter('again', steps('again'), { person: 'again' }), 'tell');
    expect(await test.send(id)).toMatchObject({ state: 'sent' });
    await requestResends(test.db, [id], { by: { key: 'k', actor: null }, reason: null, retry: true, lane: 0 });
    await setSuppressed(test.db, 'again', true);
    const [resend] = (await test.delivery(id)).resends;
    await runIn(test.another().sendWebhook, { delivery: id, resend: resend?.id });
    expect(requestsTo('again')).toHaveLength(1);
    const after = await test.delivery(id);
    expect(after).toMatchObject({ state: 'sent', error: null, resends: [{ error: SUPPRESSED }] });
    expect(after.resends[0]?.endedAt).not.toBeNull();
  });

  it('is sent again what comes after that has ended', async () => {
    await setSuppressed(test.db, 'back', true);
    const journey = await test.enter('back', steps('back'), { person: 'back' });
    await setSuppressed(test.db, 'back', false);
    expect(await test.send(await test.freeze(journey, 'tell'))).toMatchObject({ state: 'sent' });
  });

  it('is somebody from the moment on that an answer says so: a claim waits for it', async () => {
    const id = await test.freeze(await test.enter('moment', steps('moment'), { person: 'moment' }), 'tell');
    const { sending } = await test.db.transaction(async (tx) => {
      await setSuppressed(tx, 'moment', true);
      const begun = test.send(id);
      await untilBlocked(test.db, 'hookline test');
      return { sending: begun };
    });
    expect(await sending).toMatchObject({ state: 'cancelled' });
    expect(requestsTo('moment')).toEqual([]);
  });

  it('keeps an answer that was on its way: it was sent', async () => {
    const journey = await test.enter('way', steps('way'), { person: 'way' });
    const id = await test.freeze(journey, 'tell');
    const http = {
      ...test.http,
      async send(...request: Parameters<typeof test.http.send>) {
        const exchange = await test.http.send(...request);
        await setSuppressed(test.db, 'way', true);
        expect(await test.send(id)).toMatchObject({ state: 'cancelled' });
        return exchange;
      },
    };
    await runIn(test.another({ http }).sendWebhook, { delivery: id });
    expect(await test.delivery(id)).toMatchObject({ state: 'sent', error: null });
    expect(requestsTo('way')).toHaveLength(1);
  });
});
