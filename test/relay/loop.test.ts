import { afterEach, describe, expect, it } from 'vitest';
import { startLoop, type Loop } from '../../relay/loop.ts';
import { eventually } from '../support/eventually.ts';

const AN_HOUR = 3_600_000;
let loop: Loop;

afterEach(() => loop.stop());

/** Each look does what the next function says; after the last there is nothing to do. `looks` has when each one began. */
function start(pollMs: number, ...answers: (() => number | Promise<number>)[]) {
  const looks: number[] = [];
  const errors: unknown[] = [];
  loop = startLoop({
    pollMs,
    look: async () => {
      looks.push(performance.now());
      return (await answers.shift()?.()) ?? 0;
    },
    onError: (error) => errors.push(error),
  });
  const looked = (times: number) => eventually(async () => looks.length >= times);
  return { looks, errors, looked };
}

describe('a loop', () => {
  it('goes on at once while there is work, and then waits', async () => {
    const { looks, looked } = start(
      AN_HOUR,
      () => 3,
      () => 1,
    );
    await looked(3);
    await new Promise(setImmediate);
    expect(looks).toHaveLength(3);
  });

  it('looks when it is woken, and without that when its time has come', async () => {
    const woken = start(AN_HOUR);
    await woken.looked(1);
    await new Promise(setImmediate);
    loop.wake();
    await woken.looked(2);
    await loop.stop();

    const polling = start(20);
    await polling.looked(4);
    expect((polling.looks[1] ?? 0) - (polling.looks[0] ?? 0)).toBeGreaterThan(15);
  });

  it('does not lose a wake that comes while it looks', async () => {
    const { looked } = start(AN_HOUR, async () => {
      await new Promise(setImmediate);
      loop.wake();
      return 0;
    });
    await looked(2);
  });

  it('tells of an error and waits, whoever wakes it meanwhile', async () => {
    const { looks, errors, looked } = start(
      150,
      () => Promise.reject(new Error('no connection')),
      () => 0,
    );
    await eventually(async () => errors.length === 1);
    await new Promise(setImmediate);
    loop.wake();
    await looked(2);
    expect(errors).toEqual([new Error('no connection')]);
    expect((looks[1] ?? 0) - (looks[0] ?? 0)).toBeGreaterThan(140);
  });

  it('stops after the look it is in, and at once while it waits', async () => {
    let finish = (_did: number) => {};
    const { looks, looked } = start(AN_HOUR, () => new Promise<number>((resolve) => (finish = resolve)));
    await looked(1);
    let stopped = false;
    const stopping = loop.stop().then(() => (stopped = true));
    await new Promise(setImmediate);
    expect(stopped).toBe(false);
    finish(5);
    await stopping;
    expect(looks).toHaveLength(1);

    const waiting = start(AN_HOUR);
    await waiting.looked(1);
    await loop.stop();
    loop.wake();
    await new Promise(setImmediate);
    expect(waiting.looks).toHaveLength(1);
  });

  it('stops at once after an error', async () => {
    const { errors } = start(AN_HOUR, () => Promise.reject(new Error('no connection')));
    await eventually(async () => errors.length === 1);
    await loop.stop();
  });
});
