import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';
import { verifies } from '../support/signatures.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ retryFirstDelayMs: 1_500 }), startReceiver()]);
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

describe('a journey whose webhook is tried again', () => {
  it('signs the second attempt with the old key and with that of a rotation between the two', async () => {
    const secretOf = async (method: string, path: string) =>
      (await hookline.api<{ secret: string }>(method, path)).body.secret;
    const rotated: Promise<string>[] = [];
    receiver.on(
      '/hook',
      (socket, request) => {
        const rotating = secretOf('POST', '/v1/signing-keys/rotate');
        rotated.push(rotating);
        void rotating.then(() => respond({ status: 503 })(socket, request));
      },
      respond(),
    );
    const before = await hookline.api<{ data: { secret: string }[] }>('GET', '/v1/signing-keys');
    const old = before.body.data[0]?.secret ?? '';
    await hookline.publish('signed', {
      trigger: { type: 'event', event: 'go' },
      steps: [{ type: 'webhook', id: 'tell', url: receiver.url('/hook'), body: { json: { who: 'Zoë' } } }],
    });
    await hookline.api('POST', '/v1/events', { person: 'zoe', name: 'go' });
    expect(await hookline.ended('zoe')).toMatchObject({ state: 'completed' });

    const [secret = ''] = await Promise.all(rotated);
    expect(receiver.requests.map((request) => [verifies(request, old), verifies(request, secret)])).toEqual([
      [true, false],
      [true, true],
    ]);
  });
});
