import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSendTest } from '../../activities/send-test.ts';
import { changeCampaignState } from '../../db/campaigns.ts';
import type { Db } from '../../db/open.ts';
import { requestResends } from '../../db/resends.ts';
import { destinations } from '../../db/schema/destinations.ts';
import { claimTests, insertTest, takeTestOutcome } from '../../db/test-sends.ts';
import { buildScope } from '../../domain/scope.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';

let test: TestActivities;

/** The first request of all makes a signing key, and its destination known: for the others a claim is the first commit. */
beforeAll(async () => {
  test = await startActivities();
  await test.send(await delivery('first'));
});
afterAll(() => test.stop());

async function delivery(name: string, fields: object = {}) {
  const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${name}`), ...fields };
  return test.freeze(await test.enter(name, { steps: [step] }, { person: name }), 'tell');
}

const requestsTo = (name: string) => test.receiver.requests.filter(({ url }) => url === `/${name}`).length;

/** The answer to the first commit is not read before the worker wakes, by when something has happened. */
function frozenAtCommit(db: Db, meanwhile: () => unknown): Db {
  const first = [meanwhile];
  const transaction: Db['transaction'] = async (...args) => {
    const answer = await db.transaction(...args);
    await first.shift()?.();
    return answer;
  };
  return Object.assign(Object.create(db), { transaction });
}

type Named = { delivery: string; resend?: string };

/** Claims, stands still for so long while something happens, and wakes. */
const freeze = (named: Named, { ms = 3_501, breaker = false, meanwhile = () => {} }: Frozen = {}) => {
  const db = frozenAtCommit(test.db, () => {
    test.passMs(ms);
    return meanwhile();
  });
  return runIn(test.another({ db, breaker }).sendWebhook, named);
};

type Frozen = { ms?: number; breaker?: boolean; meanwhile?: () => unknown };

const TOO_OLD = { message: 'the claim is too old: another worker may have it by now', nextRetryDelay: 1 };

it('sends nothing after a claim that is too old, and gives the attempt back: it costs no retry', async () => {
  const id = await delivery('frozen', { retry: { times: 0 } });
  await expect(freeze({ delivery: id })).rejects.toMatchObject(TOO_OLD);
  expect(requestsTo('frozen')).toBe(0);
  expect(await test.delivery(id)).toMatchObject({
    state: 'queued',
    attempts: [],
    firstAttemptAt: null,
    position: null,
  });

  expect(await test.send(id)).toMatchObject({ state: 'sent' });
  expect(requestsTo('frozen')).toBe(1);
  expect(await test.delivery(id)).toMatchObject({
    firstAttemptAt: test.clock.now,
    attempts: [{ number: 1, class: 'sent' }],
  });
});

it('sends what it has claimed a moment ago', async () => {
  const id = await delivery('moment');
  expect(await freeze({ delivery: id }, { ms: 3_500 })).toMatchObject({ state: 'sent' });
  expect(requestsTo('moment')).toBe(1);
});

it('takes nothing back from the worker that took over', async () => {
  const id = await delivery('taken-over');
  await expect(freeze({ delivery: id }, { meanwhile: () => test.send(id) })).rejects.toMatchObject(TOO_OLD);
  expect(requestsTo('taken-over')).toBe(1);
  expect(await test.delivery(id)).toMatchObject({
    state: 'sent',
    attempts: [
      { number: 1, class: 'unknown' },
      { number: 2, class: 'sent' },
    ],
  });
});

it('gives back a retry as one that is due, within the time that all have from the first', async () => {
  test.receiver.on('/retried', respond({ status: 503 }), respond());
  const id = await delivery('retried');
  const firstAttemptAt = test.clock.now;
  await expect(test.send(id)).rejects.toThrow('503');
  test.passMs(10_000);
  await expect(freeze({ delivery: id })).rejects.toMatchObject(TOO_OLD);
  expect(await test.delivery(id)).toMatchObject({ firstAttemptAt, attempts: [{ number: 1, class: 'retryable' }] });
  expect(await test.send(id)).toMatchObject({ state: 'sent' });
  expect(requestsTo('retried')).toBe(2);
});

it('sends nothing of a campaign that was paused meanwhile, until it is resumed', async () => {
  const id = await delivery('paused', { retry: { times: 0 } });
  await changeCampaignState(test.db, 'paused', ['new'], 'live');
  const pause = () => changeCampaignState(test.db, 'paused', ['live'], 'paused');
  await expect(freeze({ delivery: id }, { meanwhile: pause })).rejects.toMatchObject(TOO_OLD);
  expect(await test.send(id)).toMatchObject({ state: 'parked', reason: 'pause' });
  expect(requestsTo('paused')).toBe(0);
  await changeCampaignState(test.db, 'paused', ['paused'], 'live');
  expect(await test.send(id)).toMatchObject({ state: 'sent' });
  expect(requestsTo('paused')).toBe(1);
});

it('gives a resend back, which is made once and keeps its id', async () => {
  const id = await delivery('again');
  await test.send(id);
  await requestResends(test.db, [id], { by: { key: 'admin', actor: null }, reason: null, retry: false, lane: 0 });
  const resend = (await test.delivery(id)).resends[0]?.id ?? '';
  await expect(freeze({ delivery: id, resend })).rejects.toMatchObject(TOO_OLD);
  expect(requestsTo('again')).toBe(1);
  expect(await runIn(test.another().sendWebhook, { delivery: id, resend })).toMatchObject({ state: 'sent' });
  expect(requestsTo('again')).toBe(2);
  expect((await test.delivery(id)).attempts).toMatchObject([{ number: 1 }, { number: 2, id: resend, class: 'sent' }]);
});

it('lets another one try a destination that it was to try', async () => {
  const id = await delivery('probe');
  const openUntil = new Date(test.clock.now.getTime() - 1);
  await test.db.update(destinations).set({ openUntil, openings: 1 });
  const probe = async () => {
    const [row] = await test.db.select().from(destinations).where(eq(destinations.origin, test.receiver.origin));
    return row?.probe;
  };
  const trying = { breaker: true, meanwhile: async () => expect(await probe()).toMatch(/^att_/) };
  await expect(freeze({ delivery: id }, trying)).rejects.toMatchObject(TOO_OLD);
  expect(await probe()).toBeNull();
  const { sendWebhook } = test.another({ breaker: true });
  expect(await runIn(sendWebhook, { delivery: id })).toMatchObject({ state: 'sent' });
  expect(requestsTo('probe')).toBe(1);
});

it('sends no test whose answer nobody waits for any more', async () => {
  const { db, cipher, http, receiver } = test;
  const request = { method: 'POST', url: receiver.url('/tried'), headers: [], body: null, secrets: [] };
  const person = { id: 'ada', attributes: {} };
  const scope = buildScope({ person, now: test.clock.now });
  const job = { request, signing: 'none' as const, timeoutMs: 1_000, attributes: null, person, scope };
  const sentAfter = async (ms: number) => {
    await insertTest(db, cipher, `tst_${ms}`, job);
    const [claimed] = await claimTests(db, { count: 1, youngerThanMs: 5_000 });
    if (!claimed) throw new Error('there is no test');
    const now = () => new Date(claimed.claimedMs + ms);
    await createSendTest({ db, cipher, http, userAgent: 'Hookline/test', now })(claimed, test.stopping);
    return takeTestOutcome(db, cipher, claimed.id);
  };
  expect(await sentAfter(5_001)).toMatchObject({ class: 'unknown', error: { code: 'worker_lost' } });
  expect(requestsTo('tried')).toBe(0);
  expect(await sentAfter(5_000)).toMatchObject({ class: 'sent' });
  expect(requestsTo('tried')).toBe(1);
});
