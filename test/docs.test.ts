import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { keys } from '../config.ts';

type Manifest = { dependencies: Record<string, string>; devDependencies: Record<string, string> };

const rooms = 'domain|workflows|activities|relay|db|api|embedded|examples|bench|test|docs|docker';
const path = new RegExp(`^(?:\\./)?(?:(?:${rooms})(?:/[\\w.-]+)*/?|[\\w.-]+\\.(?:ts|js|json|ya?ml|md))$`);

/** Files that a page names: relative links, and words in code that are written like a file of this repository. */
function namedFiles(page: string, text: string): string[] {
  const links = [...text.matchAll(/\]\((?![a-z]+:|#|\/)([^)#\s]+)/g)].map(([, target = '']) =>
    join(dirname(page), target),
  );
  const code = [...text.matchAll(/```[^\n]*\n([\s\S]*?)```|`([^`\n]+)`/g)].map(
    ([, fence, span]) => fence ?? span ?? '',
  );
  const words = code.flatMap((each) => each.split(/[\s"'(),;=]+/)).map((word) => word.replace(/[.:]$/, ''));
  return [...links, ...words.filter((word) => path.test(word) && (word.includes('/') || word.includes('.')))];
}

let tree: string[];
const isThere = (file: string) =>
  existsSync(file) || (!file.includes('/') && (tree.includes(file) || existsSync(join('node_modules', file))));

beforeAll(async () => {
  const folders = rooms.split('|').filter((room) => existsSync(room));
  const names = await Promise.all(folders.map((room) => readdir(room, { recursive: true })));
  tree = names.flat().map((name) => name.slice(name.lastIndexOf('/') + 1));
});

describe('the pages for readers', () => {
  it('name only files that exist', async () => {
    const pages = ['README.md', 'CONTRIBUTING.md', ...(await readdir('docs')).map((name) => `docs/${name}`)];
    const missing = [];
    for (const page of pages.filter((name) => name.endsWith('.md'))) {
      const named = namedFiles(page, await readFile(page, 'utf8'));
      missing.push(...named.filter((file) => !isThere(file)).map((file) => `${page}: ${file}`));
    }
    expect(missing).toEqual([]);
  });

  it('would be caught naming a file that is gone', () => {
    const text = [
      'See [the walk](domain/gone.ts), [a page](https://example.com/x.ts) and [a part](#part).',
      'Run `npx vitest run test/gone.test.ts`; the ids of `gone.ts` are `jrn_…`, of `customer.name` too.',
      '```sh\nnpx hookline publish examples/gone.yaml\ncurl http://127.0.0.1:3000/v1/events\n```',
    ].join('\n');
    expect(namedFiles('README.md', text)).toEqual([
      'domain/gone.ts',
      'test/gone.test.ts',
      'gone.ts',
      'examples/gone.yaml',
    ]);
    expect(isThere('domain/gone.ts')).toBe(false);
    expect(isThere('gone.ts')).toBe(false);
  });
});

describe('docs/dependencies.md', () => {
  it('has one line for each dependency in package.json and no other', async () => {
    const manifest = JSON.parse(await readFile('package.json', 'utf8')) as Manifest;
    const page = await readFile('docs/dependencies.md', 'utf8');
    const lines = [...page.matchAll(/^- `([^`]+)`: .{20,}/gm)].map(([, name = '']) => name);
    const installed = [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)];
    expect(lines.toSorted()).toEqual(installed.toSorted());
  });
});

describe('docker-compose.yml', () => {
  type Service = {
    image?: string;
    build?: string;
    environment?: Record<string, unknown>;
    volumes?: string[];
    ports?: string[];
    depends_on?: Record<string, unknown>;
  };
  const compose = async () =>
    parse(await readFile('docker-compose.yml', 'utf8'), { merge: true }) as { services: Record<string, Service> };

  it('sets for server and worker only variables that config.ts reads, and all that have no default', async () => {
    const { server, worker } = (await compose()).services;
    const names = Object.keys(server?.environment ?? {}).filter((name) => name !== 'TEMPORAL_NAMESPACE');
    const known = Object.values(keys);
    expect(worker?.environment).toEqual({ ...server?.environment, HOOKLINE_WORKER_PORT: 3001 });
    expect(names.filter((name) => !known.some((key) => key.name === name))).toEqual([]);
    expect(known.filter((key) => 'required' in key && !names.includes(key.name))).toEqual([]);
  });

  it('builds the image of server and worker once, before either starts', async () => {
    const { services } = await compose();
    const builders = Object.keys(services).filter((name) => services[name]?.build);
    expect(builders).toEqual(['server']);
    expect(services.worker?.image).toBe(services.server?.image);
  });

  it('links journeys to the UI at the address that it publishes', async () => {
    const { server, 'temporal-ui': ui } = (await compose()).services;
    const port = /^(127\.0\.0\.1:\d+):8080$/.exec(ui?.ports?.[0] ?? '')?.[1];
    expect(server?.environment?.HOOKLINE_TEMPORAL_UI_URL).toBe(`\${HOOKLINE_TEMPORAL_UI_URL:-http://${port}}`);
  });

  it('mounts files that exist, and waits for services that exist', async () => {
    const { services } = await compose();
    const mounts = Object.values(services).flatMap((each) => each.volumes ?? []);
    const files = mounts.filter((mount) => mount.startsWith('./')).map((mount) => mount.split(':')[0] ?? '');
    const awaited = Object.values(services).flatMap((each) => Object.keys(each.depends_on ?? {}));
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    expect(awaited.filter((name) => !(name in services))).toEqual([]);
  });
});
