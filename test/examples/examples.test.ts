import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Trigger } from '../../domain/campaign/campaign.ts';
import { parseYaml } from '../../domain/input/yaml.ts';
import { readExample, urlsOf } from './recipe.ts';

const files = await readdir('examples');
const names = files.map((file) => file.replace(/\.yaml$/, ''));
const page = await readFile('docs/examples.md', 'utf8');
const rows = [...page.matchAll(/^\| \[`([\w-]+)`\]\(\.\.\/examples\/([\w-]+)\.yaml\).*$/gm)];

/** What a campaign reads from `secrets`, but for the address of the request bin. */
const secretsOf = (text: string) =>
  [...new Set([...text.matchAll(/secrets\.(\w+)/g)].map(([, name = '']) => name))].filter((name) => name !== 'bin_url');

/** What the page has to make a campaign happen. */
function happening(name: string, trigger: Trigger): string {
  switch (trigger.type) {
    case 'event':
      return `"name": "${trigger.event}"`;
    case 'segment':
      return `$v1/segments/${trigger.segment} `;
    case 'attribute':
    case 'date':
      return `"attributes": {"${trigger.attribute}"`;
    case 'schedule':
      return `$v1/campaigns/${name}/start`;
    case 'manual':
      return `$v1/campaigns/${name}/trigger`;
  }
}

describe.each(names)('examples/%s.yaml', (name) => {
  it('validates without a warning under the name of its file', async () => {
    const text = await readFile(`examples/${name}.yaml`, 'utf8');
    expect(parseYaml(text)).toMatchObject({ id: name });
    expect((await readExample(name)).warnings).toEqual([]);
  });

  it('names in its comment the secrets that it needs', async () => {
    const text = await readFile(`examples/${name}.yaml`, 'utf8');
    const comment = text.replace(/^[^#].*$/gm, '');
    const unnamed = secretsOf(text).filter((secret) => !comment.includes(secret));
    expect(unnamed).toEqual([]);
  });

  it('sends to the request bin as it is', async () => {
    const urls = urlsOf((await readExample(name)).campaign);
    expect(urls).not.toEqual([]);
    expect(urls.filter((url) => !url.startsWith('{{ secrets.bin_url }}/'))).toEqual([]);
  });

  it('stands in docs/examples.md with its trigger, its secrets, and what makes it happen', async () => {
    const text = await readFile(`examples/${name}.yaml`, 'utf8');
    const row = rows.find(([, title]) => title === name)?.[0] ?? '';
    const { trigger } = (await readExample(name)).campaign;
    const cells = row.split('|').map((cell) => cell.trim());
    const secrets = secretsOf(text).map((secret) => `\`${secret}\``);
    expect(cells[4]).toBe(`\`${trigger.type === 'event' ? trigger.event : trigger.type}\``);
    expect(cells[5]).toBe(secrets.join(', ') || 'none');
    expect(page).toContain(happening(name, trigger));
  });
});

it('docs/examples.md links every file in examples/, once, and no other', () => {
  expect(rows.filter(([, title, file]) => title !== file)).toEqual([]);
  expect(new Set(rows.map(([, , file]) => `${file}.yaml`))).toEqual(new Set(files));
  expect(rows).toHaveLength(files.length);
});
