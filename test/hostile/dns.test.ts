import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lookup } from '../../activities/guard.ts';
import { startBlackHole } from '../support/black-hole.ts';
import { hang, respond } from '../support/behaviours.ts';
import { startHostile, type Hostile, type Outcome } from '../support/hostile.ts';

const here = [{ address: '127.0.0.1', family: 4 }];
/** What DNS says of each name; of all others, that they are here. */
const answers = new Map<string, Lookup>();
let test: Hostile;

beforeAll(async () => {
  test = await startHostile({ lookup: (name) => answers.get(name)?.(name) ?? Promise.resolve(here) });
});

afterAll(() => test.stop());

const fails = (code: string) => () => Promise.reject(Object.assign(new Error(`getaddrinfo ${code}`), { code }));
const gives =
  (...addresses: string[]): Lookup =>
  async () =>
    addresses.map((address) => ({ address, family: 4 }));
const never: Lookup = () => new Promise(() => {});

const origin = (name: string) => test.receiver.origin.replace('127.0.0.1', name);
const json = respond({ json: { lead: 7 } });

const unknown: Outcome = {
  class: 'retryable',
  phase: 'dns',
  status: null,
  error: 'dns_not_found',
  delivery: 'attempted',
  mapping: 'pending',
};
const undecided: Outcome = { ...unknown, error: 'dns_temporary' };

const cases: Record<string, { dns: Lookup; outcome: Outcome }> = {
  'row 29: does not exist (NXDOMAIN)': { dns: fails('ENOTFOUND'), outcome: unknown },
  'row 29: has no address': { dns: gives(), outcome: unknown },
  'row 29: cannot be looked up (SERVFAIL)': { dns: fails('EAI_AGAIN'), outcome: undecided },
  'row 29: leads in a circle (CNAME loop)': { dns: fails('EAI_FAIL'), outcome: undecided },
  'row 29: is never answered': { dns: never, outcome: { ...unknown, error: 'connect_timeout' } },
  'row 29: has 500 addresses, at none of which anybody listens': {
    dns: gives(...Array.from({ length: 500 }, (_, at) => `127.1.${at >> 8}.${at & 255}`)),
    outcome: { ...unknown, phase: 'connect', error: 'connect_refused' },
  },
};

describe.concurrent('a host name that', () => {
  it.each(Object.entries(cases))('%s', async (what, { dns, outcome }) => {
    const name = `${Object.keys(cases).indexOf(what)}.dns.test`;
    answers.set(name, dns);
    const target = await test.target([], { origin: origin(name) });
    const seen = await test.attempt(target);
    expect(seen.outcome).toEqual(outcome);
    expect(seen.delivery.error?.message).not.toMatch(/127\.|getaddrinfo/);
    expect(target.requests()).toHaveLength(0);
    // One that was never answered stays asked for: the next attempt waits for the same answer.
    if (dns === never) return;
    answers.delete(name);
    await test.recover(target);
  });

  it('row 29: changes its address with each answer is looked up for each new connection', async () => {
    const flapping = [gives('127.0.0.9'), gives('127.0.0.1'), gives('127.0.0.9'), gives('127.0.0.1')];
    answers.set('flap.test', (name) => (flapping.shift() ?? never)(name));
    const does = [respond({ status: 503, headers: { connection: 'close' } }), json];
    const target = await test.target(does, { origin: origin('flap.test') });
    const seen: (string | number | null)[] = [];
    for (let count = 0; count < 4; count += 1) {
      const { outcome, delivery } = await test.attempt(target);
      seen.push(outcome.status ?? outcome.error);
      target.clock.now = delivery.nextAttemptAt ?? target.clock.now;
    }
    expect(seen).toEqual(['connect_refused', 503, 'connect_refused', 200]);
    expect(target.requests()).toHaveLength(2);
  });
});

describe('a look-up that hangs', () => {
  it('row 29: takes one of the two that Node.js runs at a time, however many deliveries wait for it', async () => {
    let running = 0;
    let resume = () => {};
    // As in libuv: half of its four threads may look up names, the rest of the names wait in line.
    const inPool =
      (look: Lookup): Lookup =>
      async (name) => {
        if (running === 2) await new Promise<void>((resolve) => (resume = resolve));
        running += 1;
        const found = await look(name);
        running -= 1;
        resume();
        return found;
      };
    answers.set('hung.pool.test', inPool(never));
    answers.set('fine.pool.test', inPool(gives('127.0.0.1')));
    const hung = await Promise.all(
      Array.from({ length: 15 }, () => test.target([], { origin: origin('hung.pool.test') })),
    );
    const fine = await test.target(json, { origin: origin('fine.pool.test') });
    const slow = Promise.all(hung.map((target) => test.attempt(target)));
    await expect.poll(() => running, { timeout: 10_000 }).toBe(1);
    const { outcome } = await test.attempt(fine);
    expect(outcome).toMatchObject({ class: 'sent', delivery: 'sent', mapping: 'applied' });
    for (const { outcome: late } of await slow) expect(late).toEqual({ ...unknown, error: 'connect_timeout' });
    expect(running).toBe(1);
  });

  it('row 29: and is answered after the timeout sends nothing any more', async () => {
    let answer = () => {};
    const answered = new Promise<typeof here>((resolve) => (answer = () => resolve(here)));
    answers.set('late.test', () => answered);
    const target = await test.target(json, { origin: origin('late.test') });
    expect((await test.attempt(target)).outcome).toEqual({ ...unknown, error: 'connect_timeout' });
    answer();
    await test.recover(target);
    expect(target.requests()).toHaveLength(1);
  });
});

describe('a host name with several addresses', () => {
  it.each([
    ['refuses', false],
    ['is silent', true],
  ])('row 33: is reached on its second where the first %s', async (what, silent) => {
    const { port } = new URL(test.receiver.origin);
    const first = silent ? '127.0.0.2' : '127.0.0.9';
    const hole = silent ? await startBlackHole({ host: first, port: Number(port) }) : null;
    const name = `${what.replace(' ', '-')}.test`;
    answers.set(name, gives(first, '127.0.0.1'));
    const target = await test.target(json, { origin: origin(name) });
    expect((await test.attempt(target)).outcome).toMatchObject({ class: 'sent', status: 200, mapping: 'applied' });
    await hole?.close();
  });

  it('row 33: that are all silent fails at the timeout', async () => {
    const { port } = new URL(test.receiver.origin);
    const hole = await startBlackHole({ host: '127.0.0.2', port: Number(port) });
    answers.set('silent.test', gives('127.0.0.2'));
    const target = await test.target(hang(), { origin: origin('silent.test') });
    const { outcome, attempt } = await test.attempt(target);
    expect(outcome).toEqual({ ...unknown, phase: 'connect', error: 'connect_timeout' });
    expect(attempt.durationMs).toBeGreaterThanOrEqual(990);
    await hole.close();
    answers.delete('silent.test');
    await test.recover(target);
  });
});
