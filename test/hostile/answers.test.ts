import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { garbage, redirect, respond, type Behaviour } from '../support/behaviours.ts';
import { SECRET, startHostile, type Hostile, type Outcome } from '../support/hostile.ts';
import { startReceiver } from '../support/receiver.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile();
});

afterAll(() => test.stop());

const answers = (text: string) => garbage(`HTTP/1.1 ${text}`);

const rejected: Outcome = {
  class: 'rejected',
  phase: 'body',
  status: 0,
  error: 'invalid_status',
  delivery: 'failed',
  mapping: 'none',
};
const redirected: Outcome = { ...rejected, error: 'redirect_not_followed' };
const refused: Outcome = { ...rejected, error: 'client_error' };

const cases: Record<string, { does: Behaviour; outcome: Outcome }> = {
  'row 10: 307 to the metadata service': {
    does: redirect('http://169.254.169.254/latest/meta-data', 307),
    outcome: { ...redirected, status: 307 },
  },
  'row 10: 301 to another host': {
    does: redirect('https://elsewhere.example/hook', 301),
    outcome: { ...redirected, status: 301 },
  },
  'row 10: 302 to itself, a loop': {
    does: (socket, request) => redirect(request.url, 302)(socket, request),
    outcome: { ...redirected, status: 302 },
  },
  'row 17: 304': { does: answers('304 Not Modified\r\n\r\n'), outcome: { ...redirected, status: 304 } },
  'row 17: 101': { does: answers('101 Switching Protocols\r\n\r\n'), outcome: { ...rejected, status: 101 } },
  'row 17: 999': { does: respond({ status: 999 }), outcome: { ...rejected, status: 999 } },
  'row 17: 000': { does: answers('000 Zero\r\n\r\n'), outcome: { ...rejected, status: 0 } },
  'row 26: 410': { does: respond({ status: 410 }), outcome: { ...refused, status: 410 } },
};

describe.concurrent('an answer that is rejected fails the delivery at once:', () => {
  it.each(Object.entries(cases))('%s', async (_, { does, outcome }) => {
    const target = await test.target(does);
    const seen = await test.attempt(target);
    expect(seen.outcome).toEqual(outcome);
    expect(seen.delivery.error).toEqual(seen.attempt.error);
    expect(seen.attempt.nextAttemptAt).toBeNull();
    expect(await test.attributes(target.name)).toEqual({ name: target.name });
    expect(await target.send()).toEqual({ state: 'failed', exit: false, detail: 'webhook tell failed' });
    expect(target.requests()).toHaveLength(1);
  });
});

describe('a redirect', () => {
  it('row 10: is not followed, and what is stored of its target has no secret', async () => {
    const other = await startReceiver();
    const target = await test.target(redirect(`${other.url('/take')}?token=abc&key=${encodeURIComponent(SECRET)}`));
    const { outcome, attempt } = await test.attempt(target);
    expect(outcome).toEqual({ ...redirected, status: 302 });
    expect(attempt.error?.message).toBe(
      `the receiver answered 302 (to ${new URL(other.origin).host}): redirects are not followed; put the final address into the webhook's url`,
    );
    expect(attempt.responseHeaders).toContainEqual(['location', `${other.url('/take')}?token=***&key=***`]);
    expect(other.connections.accepted).toBe(0);
    await other.close();
  });
});

describe('an answer of 204', () => {
  it.each([
    ['that it declares, which is noted', 'content-length: 10\r\n', 'protocol_error', 'failed'],
    ['that it does not declare', '', null, 'applied'],
  ])('row 17: is sent with a body %s, and that answers no other request', async (what, length, error, mapping) => {
    const origin = test.receiver.origin.replace('127.0.0.1', `${what.length}.test`);
    const fields = { response: { attributes: { status: '{{ http.status }}' } } };
    const target = await test.target(answers(`204 No Content\r\n${length}\r\n{"lead":8}`), { origin, fields });
    expect((await test.attempt(target)).outcome).toMatchObject({ class: 'sent', status: 204, error, mapping });
    const next = await test.target(respond({ json: { lead: 9 } }), { origin });
    expect((await test.attempt(next)).outcome).toMatchObject({ class: 'sent', status: 200, mapping: 'applied' });
    expect(await test.attributes(next.name)).toMatchObject({ lead: 9 });
  });

  it('row 17: has no body to map: that is said, and nothing changes', async () => {
    const target = await test.target(answers('204 No Content\r\n\r\n'));
    const { outcome, delivery } = await test.attempt(target);
    expect(outcome).toMatchObject({ class: 'sent', status: 204, error: null, delivery: 'sent', mapping: 'failed' });
    expect(delivery.mapping.error?.message).toBe('The answer is no JSON, so that it has no field for lead.');
    expect(await test.attributes(target.name)).toEqual({ name: target.name });
  });
});

describe('an answer before the request was read', () => {
  it.each([413, 400])('row 35: keeps its status, %i, where the receiver closes at once', async (status) => {
    const refusing = await startReceiver({
      onConnection: (socket) => {
        socket.once('data', () => {
          socket.pause();
          socket.write(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`, () => socket.resetAndDestroy());
        });
      },
    });
    const fields = { body: { json: Array.from({ length: 4 }, () => '{{ customer.filler }}') } };
    const attributes = { filler: 'x'.repeat(60_000) };
    const target = await test.target([], { fields, attributes, origin: refusing.origin });
    expect((await test.attempt(target)).outcome).toEqual({ ...refused, status });
    await refusing.close();
  });
});
