import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endlessBody, gzipBomb, respond, type Behaviour } from '../support/behaviours.ts';
import { startHostile, type Hostile, type Outcome } from '../support/hostile.ts';

let test: Hostile;

beforeAll(async () => {
  test = await startHostile();
});

afterAll(() => test.stop());

const MAX_GROWTH = 64 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** How many bytes more than before were alive at the worst moment, and how many are alive afterwards. The receiver's count too. */
async function growthWhile(act: () => Promise<unknown>): Promise<{ most: number; left: number }> {
  const alive = () => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const aliveNow = () => {
    collectGarbage();
    return alive();
  };
  const before = aliveNow();
  let most = 0;
  const looking = setInterval(() => (most = Math.max(most, aliveNow() - before)), 50);
  await act();
  clearInterval(looking);
  return { most, left: aliveNow() - before };
}

const cut: Outcome = {
  class: 'sent',
  phase: 'body',
  status: 200,
  error: 'body_too_large',
  delivery: 'sent',
  mapping: 'failed',
};

describe('an answer without end', () => {
  it.each<[string, Behaviour]>([
    ['row 4: 50 endless bodies at once are', endlessBody()],
    ['row 6: 50 gzip bombs of 50 MB at once are', gzipBomb()],
  ])('%s cut at 256 KiB, sent, and their mappings say so, in bounded memory', async (_, does) => {
    const targets = await Promise.all(Array.from({ length: 50 }, () => test.target(does, { fields: { timeout: '4s' } })));
    const growth = await growthWhile(async () => {
      for (const { outcome, attempt, delivery } of await Promise.all(targets.map((target) => test.attempt(target)))) {
        expect(outcome).toEqual(cut);
        expect(attempt).toMatchObject({ truncated: true, responseBody: { length: 16 * 1024 } });
        expect(delivery.mapping.error?.message).toMatch(/longer than 256 KiB/);
      }
    });
    if (process.env.SEEN) process.stderr.write(`GROWTH ${JSON.stringify(growth)} rss ${process.memoryUsage().rss}\n`);
    expect(growth.most).toBeLessThan(MAX_GROWTH);
    expect(growth.left).toBeLessThan(MAX_GROWTH / 4);
    await test.http.close();
    await test.receiver.waitForSilence();
  });
});

describe('ever new destinations', () => {
  it('row 37: 2,000 origins leave a bounded number of connections, and no memory', async () => {
    test.receiver.on('/', respond({ body: 'x'.repeat(10_000) }));
    let open = 0;
    const visit = async (from: number, to: number) => {
      for (let at = from; at < to; at += 20) {
        const names = Array.from({ length: 20 }, (_, index) => `origin-${at + index}.test`);
        const origins = names.map((name) => test.receiver.origin.replace('127.0.0.1', name));
        const exchanges = await Promise.all(
          origins.map((url) => test.http.send({ method: 'GET', url, headers: [], body: null }, { timeoutMs: 1_000 })),
        );
        expect(new Set(exchanges.map((exchange) => exchange.class))).toEqual(new Set(['sent']));
        open = Math.max(open, test.receiver.connections.open);
      }
    };
    const first = await growthWhile(() => visit(0, 400));
    const rest = await growthWhile(() => visit(400, 2_000));
    if (process.env.SEEN) process.stderr.write(`ORIGINS ${JSON.stringify([open, first, rest])}\n`);
    expect(open).toBeLessThan(300);
    expect(rest.left).toBeLessThan(8 * 1024 * 1024);
  });
});
