import { describe, expect, it } from 'vitest';
import { createTurns } from '../../activities/turns.ts';

/** Work that ends when it is told to, and what has begun. */
function startWork() {
  const begun: string[] = [];
  const ends = new Map<string, { done: () => void; failed: (error: Error) => void }>();
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve, reject) => {
      ends.set(name, { done: () => resolve(name), failed: reject });
    });
  };
  return { begun, work, end: (name: string) => ends.get(name) };
}

describe('turns', () => {
  it('are taken by so many at once, in the order in which they came', async () => {
    const { begun, work, end } = startWork();
    const takeTurn = createTurns(2);
    const results = ['a', 'b', 'c', 'd'].map((name) => takeTurn(work(name)));
    expect(begun).toEqual(['a', 'b']);
    end('b')?.done();
    expect(await results[1]).toBe('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    end('a')?.done();
    end('c')?.done();
    await Promise.all([results[0], results[2]]);
    end('d')?.done();
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are given back by what fails', async () => {
    const { begun, work, end } = startWork();
    const takeTurn = createTurns(1);
    const first = takeTurn(work('a'));
    const second = takeTurn(work('b'));
    end('a')?.failed(new Error('the database is away'));
    await expect(first).rejects.toThrow('the database is away');
    expect(begun).toEqual(['a', 'b']);
    end('b')?.done();
    expect(await second).toBe('b');
    const third = takeTurn(work('c'));
    end('c')?.done();
    expect(await third).toBe('c');
  });
});
