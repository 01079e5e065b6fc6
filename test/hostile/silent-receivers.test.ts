import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  dripBody,
  dripHeaders,
  flood,
  garbage,
  hang,
  respond,
  shortBody,
  type Behaviour,
} from '../support/behaviours.ts';
import { startHostile, type Hostile, type Outcome } from '../support/hostile.ts';
import { startReceiver } from '../support/receiver.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile();
});

afterAll(() => test.stop());

const noAnswer: Outcome = {
  class: 'retryable',
  phase: 'headers',
  status: null,
  error: 'timeout',
  delivery: 'attempted',
  mapping: 'pending',
};

const noEnd: Outcome = {
  class: 'sent',
  phase: 'body',
  status: 200,
  error: 'timeout',
  delivery: 'sent',
  mapping: 'failed',
};

const cases: Record<string, { does: Behaviour; outcome: Outcome }> = {
  'row 1: never answers': { does: hang(), outcome: noAnswer },
  'row 2: drips one header line every 200 ms': { does: dripHeaders(200), outcome: noAnswer },
  'row 3: drips the body of a 200 byte by byte': { does: dripBody(200), outcome: noEnd },
  'row 5: sends 3 of the 10 MB that it declares, and waits': { does: shortBody(), outcome: noEnd },
  'row 14: sends an informational answer now and then': {
    does: flood('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', 100),
    outcome: noAnswer,
  },
};

describe.concurrent('a receiver that takes its time ends at the timeout: it', () => {
  it.each(Object.entries(cases))('%s', async (_, { does, outcome }) => {
    const target = await test.target(does);
    const seen = await test.attempt(target);
    expect(seen.outcome).toEqual(outcome);
    expect(seen.attempt.durationMs).toBeGreaterThanOrEqual(990);
    if (outcome.delivery === 'attempted') return test.recover(target);
    expect(seen.delivery.mapping.error?.message).toMatch(/body cannot be used: the answer did not end within 1000 ms/);
    expect(await test.attributes(target.name)).toEqual({ name: target.name });
  });

  it('row 14: floods with informational answers, which ends before its time', async () => {
    const target = await test.target(flood('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', 5));
    const { outcome, attempt } = await test.attempt(target);
    expect(outcome).toEqual({ ...noAnswer, error: 'protocol_error' });
    expect(attempt.error?.message).toBe('the receiver sent over 20 informational answers');
    await test.recover(target);
  });

  it('row 14: answers 100 Continue unasked, which undici takes for no answer', async () => {
    const target = await test.target(garbage('HTTP/1.1 100 Continue\r\n\r\n'));
    expect((await test.attempt(target)).outcome).toEqual({ ...noAnswer, error: 'protocol_error' });
    await test.recover(target);
  });

  it('row 34: reads nothing of the largest body', async () => {
    const deaf = await startReceiver({ onConnection: (socket) => socket.pause() });
    const filler = 'x'.repeat(60_000);
    const fields = { body: { json: Array.from({ length: 4 }, () => '{{ customer.filler }}') } };
    const target = await test.target([], { fields, attributes: { filler }, origin: deaf.origin });
    const { outcome } = await test.attempt(target);
    // What the kernels at both ends take in is as good as sent, and only the answer is missing.
    expect(outcome).toEqual({ ...noAnswer, phase: expect.stringMatching(/^(send|headers)$/) });
    await deaf.close();
  });
});

describe.concurrent('an answer that comes as the time ends', () => {
  it('row 47: is sent or timed out, never both', async () => {
    const targets = await Promise.all(
      Array.from({ length: 16 }, (_, at) => test.target(respond({ json: { lead: 7 }, delayMs: 700 + at * 25 }))),
    );
    const all = await Promise.all(targets.map((target) => test.attempt(target)));
    for (const [at, { outcome, delivery }] of all.entries()) {
      const sent = outcome.class === 'sent';
      expect(outcome).toEqual(
        sent ? { ...noEnd, error: null, mapping: 'applied' } : { ...noAnswer, phase: expect.stringMatching('') },
      );
      expect(delivery.sentAt === null).toBe(!sent);
      expect(await test.attributes(targets[at]?.name ?? '')).toEqual({
        name: targets[at]?.name,
        ...(sent && { lead: 7 }),
      });
    }
  });
});

describe('other deliveries', () => {
  it('every row: are sent while many receivers hang', async () => {
    const slow = { fields: { timeout: '9s' } };
    const hanging = await Promise.all(Array.from({ length: 40 }, () => test.target(hang(), slow)));
    const healthy = await Promise.all(Array.from({ length: 10 }, () => test.target(respond({ json: { lead: 7 } }))));
    let ended = 0;
    const all = Promise.all(hanging.map((target) => test.attempt(target).finally(() => (ended += 1))));
    await Promise.all(hanging.map(({ requests }) => expect.poll(requests, { timeout: 8_000 }).toHaveLength(1)));
    for (const { outcome } of await Promise.all(healthy.map((target) => test.attempt(target)))) {
      expect(outcome).toMatchObject({ class: 'sent', delivery: 'sent', mapping: 'applied' });
    }
    expect(ended).toBe(0);
    for (const { outcome } of await all) expect(outcome).toEqual(noAnswer);
  });
});
