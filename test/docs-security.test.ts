import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

type Claim = { file: string; words: string };

/** The tests that the tables name: a file, and words that stand in it. */
async function namedTests(): Promise<Claim[]> {
  const page = await readFile('docs/security.md', 'utf8');
  return [...page.matchAll(/\| `(test\/\S+)`: (.+?) +\|$/gm)].map(([, file = '', words = '']) => ({ file, words }));
}

it('docs/security.md names a test for each claim in its tables', async () => {
  const page = await readFile('docs/security.md', 'utf8');
  const rows = [...page.matchAll(/^\|(?! ?-+| claim| where).*\|$/gm)];
  expect(rows.length).toBeGreaterThan(20);
  expect(await namedTests()).toHaveLength(rows.length);
});

it.each(await namedTests())('docs/security.md: $file has a test of "$words"', async ({ file, words }) => {
  expect(existsSync(file)).toBe(true);
  expect(await readFile(file, 'utf8')).toContain(words);
});
