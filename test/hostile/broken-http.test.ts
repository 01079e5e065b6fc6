import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  closeBeforeAnswer,
  closeOnNextRequest,
  garbage,
  reset,
  respond,
  type Behaviour,
} from '../support/behaviours.ts';
import { expectSameRequests, startHostile, type Hostile, type Outcome } from '../support/hostile.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile();
});

afterAll(() => test.stop());

const answers = (text: string) => garbage(`HTTP/1.1 ${text}`);
const manyHeaders = Array.from({ length: 10_000 }, (_, at) => `x-${at}: 1\r\n`).join('');

const lost: Outcome = {
  class: 'retryable',
  phase: 'headers',
  status: null,
  error: 'connection_lost',
  delivery: 'attempted',
  mapping: 'pending',
};
const malformed: Outcome = { ...lost, error: 'protocol_error' };

const cases: Record<string, { does: Behaviour; outcome: Outcome }> = {
  'row 9: one header of 40 KB': { does: answers(`200 OK\r\nx-big: ${'x'.repeat(40_000)}\r\n\r\n`), outcome: malformed },
  'row 9: 10,000 small headers': { does: answers(`200 OK\r\n${manyHeaders}\r\n`), outcome: malformed },
  'row 11: a reset in the head': { does: reset('headers'), outcome: lost },
  'row 11: a reset in the body of a 503': {
    does: reset('body', 503),
    outcome: { ...lost, phase: 'body', status: 503, error: 'server_error' },
  },
  'row 12: an end before any byte': { does: closeBeforeAnswer(), outcome: lost },
  'row 15: two lengths': {
    does: answers('200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'),
    outcome: malformed,
  },
  'row 15: a length and chunks': {
    does: answers('200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    outcome: malformed,
  },
  'row 15: bare line feeds': { does: answers('200 OK\ncontent-length: 2\n\n{}'), outcome: malformed },
  'row 16: SSH': { does: garbage('SSH-2.0-OpenSSH_9.6\r\n'), outcome: malformed },
  'row 16: SMTP': { does: garbage('220 mail.example.com ESMTP\r\n'), outcome: malformed },
  'row 16: a TLS alert': { does: garbage(Buffer.from('1503030002022a', 'hex')), outcome: malformed },
};

describe.concurrent('an answer that is no HTTP is retried, and says why:', () => {
  it.each(Object.entries(cases))('%s', async (_, { does, outcome }) => {
    const target = await test.target(does);
    const seen = await test.attempt(target);
    expect(seen.outcome).toEqual(outcome);
    expect(seen.attempt).toMatchObject({ error: seen.delivery.error, nextAttemptAt: seen.delivery.nextAttemptAt });
    await test.recover(target);
  });
});

describe('the 2xx of an answer counts, whatever becomes of its body:', () => {
  it('row 11: a reset in the body of a 200', async () => {
    const target = await test.target(reset('body'));
    const { outcome, delivery } = await test.attempt(target);
    expect(outcome).toEqual({
      ...lost,
      class: 'sent',
      phase: 'body',
      status: 200,
      delivery: 'sent',
      mapping: 'failed',
    });
    expect(delivery.error).toBeNull();
    expect(delivery.mapping.error?.message).toMatch(/body cannot be used: the receiver closed the connection/);
    expect(await test.attributes(target.name)).toEqual({ name: target.name });
  });
});

describe('a kept connection', () => {
  it('row 13: that closes as the request goes out is replaced once, in the same attempt, with the same key', async () => {
    const origin = test.receiver.origin.replace('127.0.0.1', 'row-13.test');
    const first = await test.target(closeOnNextRequest({ json: { lead: 7 } }), { origin });
    await test.attempt(first);
    const second = await test.target(respond({ json: { lead: 7 } }), { origin });
    const { outcome, delivery } = await test.attempt(second);
    expect(outcome).toMatchObject({ class: 'sent', delivery: 'sent', mapping: 'applied' });
    expect(delivery.attempts).toHaveLength(1);
    expect(second.requests()).toHaveLength(2);
    expectSameRequests(second.id, second.requests());
  });

  it('row 13: whose replacement closes too fails the attempt, after two requests', async () => {
    const origin = test.receiver.origin.replace('127.0.0.1', 'row-13-again.test');
    await test.attempt(await test.target(respond({ json: { lead: 7 } }), { origin }));
    const target = await test.target((socket) => socket.destroy(), { origin });
    expect((await test.attempt(target)).outcome).toEqual(lost);
    expect(target.requests()).toHaveLength(2);
    await test.recover(target);
  });

  it.each([
    [
      'two answers at once',
      '200 OK\r\ncontent-length: 10\r\n\r\n{"lead":7}HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"lead":8}',
    ],
    ['a body longer than its length', '200 OK\r\ncontent-length: 10\r\n\r\n{"lead":7}{"lead":8}'],
  ])('row 15: that has %s never answers the next request with what is left', async (what, bytes) => {
    const origin = test.receiver.origin.replace('127.0.0.1', `${what.replaceAll(' ', '-')}.test`);
    const split = await test.target(answers(bytes), { origin });
    expect((await test.attempt(split)).outcome).toMatchObject({ class: 'sent', status: 200, mapping: 'applied' });
    expect(await test.attributes(split.name)).toMatchObject({ lead: 7 });
    const next = await test.target(respond({ json: { lead: 9 } }), { origin });
    expect((await test.attempt(next)).outcome).toMatchObject({ class: 'sent', status: 200, mapping: 'applied' });
    expect(await test.attributes(next.name)).toMatchObject({ lead: 9 });
  });
});
