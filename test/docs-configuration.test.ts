import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { keys } from '../config.ts';

type Key = { name: string; doc: string; example: string; default?: string; required?: true; internal?: true };

/** What the page has to say of a variable. */
function itemOf(key: Key): string {
  const rule = key.required
    ? 'required by the API and the worker'
    : key.default
      ? `default \`${key.default}\``
      : 'not set';
  return `- \`${key.name}\`, ${rule}. ${key.doc} Example: \`${key.example}\``;
}

/** The list under the heading Variables, each item on one line. */
async function itemsOfPage(): Promise<string[]> {
  const page = await readFile('docs/configuration.md', 'utf8');
  const section = /^## Variables\n([\s\S]*?)^## /m.exec(page)?.[1] ?? '';
  return [...section.matchAll(/^- .*(?:\n {2}\S.*)*/gm)].map(([item]) => item.replaceAll('\n  ', ' '));
}

describe('docs/configuration.md', () => {
  it('lists each variable that config.ts reads with its default, what it means and an example, and no other', async () => {
    const documented = Object.values<Key>(keys).filter((key) => !key.internal);
    expect(await itemsOfPage()).toEqual(documented.map(itemOf));
  });
});
