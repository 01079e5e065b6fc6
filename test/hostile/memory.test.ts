import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endlessBody, respond, type Behaviour } from '../support/behaviours.ts';
import { startHostile, type Hostile } from '../support/hostile.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile();
});

afterAll(() => test.stop());

const MB = 1024 * 1024;
const MAX_GROWTH = 64 * MB;
const GZIP = { 'content-encoding': 'gzip', connection: 'close' };

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** How many bytes more than before are alive while it acts, at the worst moment seen, and afterwards; the receiver's count too. */
async function growthWhile(act: () => Promise<unknown>): Promise<{ most: number; left: number }> {
  const before = await aliveAtRest();
  let most = 0;
  let acting = true;
  const look = async () => {
    while (acting) {
      most = Math.max(most, alive() - before);
      await sleep(200);
    }
  };
  await Promise.all([look(), act().finally(() => (acting = false))]);
  return { most, left: (await aliveAtRest()) - before };
}

function alive(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What is freed when objects are finalized takes a turn of the loop more. */
async function aliveAtRest(): Promise<number> {
  collectGarbage();
  await nextTurn();
  return alive();
}

describe('an answer without end', { timeout: 60_000 }, () => {
  it.each<[string, Behaviour]>([
    ['row 4: 50 endless bodies at once are', endlessBody()],
    ['row 6: 50 gzip bombs of 50 MB at once are', respond({ headers: GZIP, body: gzipSync(Buffer.alloc(50 * MB)) })],
  ])('%s cut at 256 KiB, sent, and their mappings say so, in bounded memory', async (_, does) => {
    const targets = await Promise.all(
      Array.from({ length: 50 }, () => test.target(does, { fields: { timeout: '10s' } })),
    );
    const growth = await growthWhile(async () => {
      await Promise.all(targets.map(({ send }) => send()));
      await test.receiver.waitForSilence();
    });
    for (const { id } of targets) {
      const delivery = await test.delivery(id);
      expect(delivery).toMatchObject({ state: 'sent', mapping: { state: 'failed' } });
      expect(delivery.mapping.error?.message).toMatch(/longer than 256 KiB/);
      expect(delivery.attempts).toMatchObject([
        {
          class: 'sent',
          status: 200,
          error: { code: 'body_too_large' },
          truncated: true,
          responseBody: { length: 16_384 },
        },
      ]);
      expect(delivery.attempts[0]?.durationMs).toBeLessThan(10_250);
    }
    expect(growth.most).toBeLessThan(MAX_GROWTH);
    expect(growth.left).toBeLessThan(MAX_GROWTH / 4);
  });
});

describe('ever new destinations', { timeout: 60_000 }, () => {
  it('row 37: 2,000 origins leave a bounded number of connections, and no memory', async () => {
    test.receiver.on('/', respond({ body: 'x'.repeat(10_000) }));
    let open = 0;
    const visit = async (from: number, to: number) => {
      for (let at = from; at < to; at += 20) {
        const names = Array.from({ length: 20 }, (_, index) => `origin-${at + index}.test`);
        const origins = names.map((name) => test.receiver.origin.replace('127.0.0.1', name));
        const exchanges = await Promise.all(
          origins.map((url) => test.http.send({ method: 'GET', url, headers: [], body: null }, { timeoutMs: 4_000 })),
        );
        expect(exchanges.map(({ error }) => error)).toEqual(names.map(() => null));
        open = Math.max(open, test.receiver.connections.open);
        test.receiver.requests.length = 0;
      }
    };
    await visit(0, 400);
    const before = await aliveAtRest();
    await visit(400, 2_000);
    expect(open).toBeLessThan(300);
    expect((await aliveAtRest()) - before).toBeLessThan(4 * MB);
  });
});
