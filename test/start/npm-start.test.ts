import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { campaigns } from '../../db/schema/campaigns.ts';
import { eventually } from '../support/eventually.ts';
import { makeLive } from '../support/crowd.ts';
import { createTestDatabase } from '../support/database.ts';
import { isAlive, npmStart } from '../support/npm-start.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** A folder as a clone is to its user: `.hookline` for the data, `examples` beside it. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookline-start-'));
  await symlink(join(root, 'examples'), join(folder, 'examples'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** `npm start`, which ends with its test whatever becomes of that. */
async function start(...options: Parameters<typeof npmStart>) {
  const hookline = await npmStart(...options);
  onTestFinished(() => hookline.end());
  return hookline;
}

type Person = { attributes: Record<string, unknown> };
type List = { data: unknown[] };
type BinRequest = { id: string; path: string; body: unknown };

const shell = async (script: string) => (await run('bash', ['-euc', script], { cwd: folder })).stdout;

/** What `curl` lines of the README do, in its order, at the address of this copy. */
async function readmeCommands(url: string): Promise<string[]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/```sh\n(curl[^]*?)```/g)].map((match) => match[1] ?? '');
  return blocks.map((block) => block.replaceAll('http://127.0.0.1:3000', url).replaceAll('curl ', 'curl -sSf '));
}

it(
  'runs the README with keys that only their owner can read, keeps everything over a restart, and leaves no process behind',
  { timeout: 120_000 },
  async () => {
    const dataDir = join(folder, '.hookline');
    const first = await start(dataDir);
    const get = async <T>(url: string, path: string): Promise<T> =>
      JSON.parse(await shell(`curl -sS "${url}${path}" -H "Authorization: Bearer $(cat .hookline/admin-key)"`)) as T;

    for (const key of ['admin-key', 'master-key']) expect((await stat(join(dataDir, key))).mode & 0o777).toBe(0o600);
    const commands = await readmeCommands(first.url);
    expect(commands).toHaveLength(4);
    for (const command of commands) await shell(command);
    const mary = await eventually(async () => {
      const person = await get<Person>(first.url, '/v1/people/mary');
      return person.attributes.currentMemberStatus !== undefined && person;
    });
    expect(mary.attributes).toEqual({ currentMemberStatus: 'Gold' });
    const lead = await eventually(async () => {
      const { data } = await get<List>(first.url, '/v1/journeys?person=ada&state=completed');
      return data.length > 0 && get<Person>(first.url, '/v1/people/ada');
    });
    const requests = (await (await fetch(`${first.bin}/?format=json`)).json()) as BinRequest[];
    const created = requests.find((request) => request.path === '/bin/close/api/v1/lead/');
    const scheduled = requests.find((request) => request.path === '/bin/close/api/v1/task/');
    expect(lead.attributes.lead_id).toBe(created?.id);
    expect(created?.body).toMatchObject({ name: 'Analytical Engines', custom: { Source: 'Unknown' } });
    expect(scheduled?.body).toMatchObject({ lead_id: created?.id, text: 'Call Ada at Analytical Engines' });

    const printed = first.output.split('\n').filter((line) => line.trim().startsWith('curl '));
    expect(printed).toHaveLength(2);
    for (const line of printed) await shell(line);
    await eventually(
      async () => (await get<List>(first.url, '/v1/journeys?person=mary&state=completed')).data.length === 2,
    );

    expect(await first.signal('SIGINT', 'group')).toBe(0);
    const second = await start(dataDir);
    expect((await get<Person>(second.url, '/v1/people/mary')).attributes).toEqual({ currentMemberStatus: 'Gold' });
    const started = await second.descendants();
    expect(started.length).toBeGreaterThan(8);
    const stoppedAt = Date.now();
    expect(await second.signal('SIGTERM', 'npm')).toBe(0);
    expect(Date.now() - stoppedAt).toBeLessThan(15_000);
    // The compiler that tsx runs beside a process ends a moment after it.
    await eventually(async () => !started.some(isAlive));
  },
);

it('loads no example beside campaigns that are there', { timeout: 60_000 }, async () => {
  const database = await createTestDatabase();
  try {
    await makeLive(database.db, 'mine', {});
    const hookline = await start(join(folder, 'own-database'), { DATABASE_URL: database.url });
    expect(hookline.output).toContain('The database has campaigns of your own');
    expect(hookline.output).not.toContain('curl ');
    expect(await database.db.select({ id: campaigns.id }).from(campaigns)).toEqual([{ id: 'mine' }]);
    expect(await hookline.signal('SIGINT', 'group')).toBe(0);
  } finally {
    await database.close();
  }
});
