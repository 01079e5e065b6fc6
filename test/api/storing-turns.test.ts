import { expect, it } from 'vitest';
import { createStoringTurns } from '../../api/storing-turns.ts';
import { eventually } from '../support/eventually.ts';

/** Work that ends when it is told to, by its name; `begun` has the names in the order in which they began. */
function startWork(turns: Parameters<typeof createStoringTurns>[0]) {
  const takeTurn = createStoringTurns(turns);
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const begin = (name: string) =>
    takeTurn(async () => {
      begun.push(name);
      await new Promise<void>((resolve, reject) => ends.set(name, (error) => (error ? reject(error) : resolve())));
      return name;
    });
  return { begin, begun, end: (name: string, error?: Error) => ends.get(name)?.(error) };
}

it('takes few at once, the others in the order in which they came', async () => {
  const { begin, begun, end } = startWork({ atOnce: 2, atMost: 2 });
  const all = ['a', 'b', 'c', 'd'].map(begin);
  await eventually(async () => begun.length === 2);
  expect(begun).toEqual(['a', 'b']);
  end('b');
  await eventually(async () => begun.length === 3);
  end('a');
  await eventually(async () => begun.length === 4);
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  end('c');
  end('d');
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
});

it('waits for none that is slow, as long as they are not too many', async () => {
  const { begin, begun, end } = startWork({ atOnce: 1, atMost: 3 });
  const all = ['a', 'b', 'c', 'd'].map(begin);
  await new Promise(setImmediate);
  expect(begun).toEqual(['a']);
  await eventually(async () => begun.length === 3);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(begun).toEqual(['a', 'b', 'c']);
  end('c');
  await eventually(async () => begun.length === 4);
  for (const name of ['a', 'b', 'd']) end(name);
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
});

it('goes on after what fails, whose caller is told', async () => {
  const { begin, begun, end } = startWork({ atOnce: 1, atMost: 1 });
  const failing = begin('a');
  const other = begin('b');
  await eventually(async () => begun.length === 1);
  end('a', new Error('no room'));
  await expect(failing).rejects.toThrow('no room');
  await eventually(async () => begun.length === 2);
  end('b');
  expect(await other).toBe('b');
});

it('tells all who stand in line that Postgres is away, and goes on with who comes later', async () => {
  const { begin, begun, end } = startWork({ atOnce: 1, atMost: 1 });
  const all = ['a', 'b', 'c'].map((name) => begin(name).catch((error: unknown) => error));
  await eventually(async () => begun.length === 1);
  const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  end('a', away);
  expect(await Promise.all(all)).toEqual([away, away, away]);
  const later = begin('d');
  await eventually(async () => begun.length === 2);
  end('d');
  expect(await later).toBe('d');
  expect(begun).toEqual(['a', 'd']);
});
