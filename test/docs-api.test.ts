import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROBLEMS } from '../api/problems.ts';
import { startHookline, type Hookline } from './support/hookline.ts';

let hookline: Hookline;
let page: string;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  page = await readFile('docs/api.md', 'utf8');
});
afterAll(() => hookline.stop());

describe('docs/api.md', () => {
  it('lists each route with its scope, and no other', () => {
    const rows = [...page.matchAll(/^\| (.*`(?:GET|POST|PUT|PATCH|DELETE) .*?) +\| (.*?) +\|/gm)];
    const listed = rows.flatMap(([, routes = '', scope = '']) =>
      [...routes.matchAll(/`([A-Z]+ \/\S+)`/g)].map(([, name]) => `${name} ${scope.replaceAll('`', '')}`),
    );
    const known = hookline.routes
      .filter(({ path }) => !path.startsWith('/docs/'))
      .map(({ method, path, scope }) => `${method.toUpperCase()} ${path} ${scope ?? 'none'}`);
    expect(listed.toSorted()).toEqual(known.toSorted());
  });

  it('names each error code, those of answers with their status, and no other', () => {
    const section = /^## Errors\n([^]*?)^## /m.exec(page)?.[1] ?? '';
    const codes = [...section.matchAll(/`([a-z]+\.[a-z_]+)`/g)].map(([, code = '']) => code);
    expect([...new Set(codes)].toSorted()).toEqual(Object.keys(PROBLEMS).toSorted());

    const rows = [...section.matchAll(/^\| `(\S+)` +\| (\d+) /gm)].map(([, code, status]) => [code, Number(status)]);
    const statuses = Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]);
    expect(statuses).toEqual(expect.arrayContaining(rows));
  });
});
