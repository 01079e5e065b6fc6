import { afterAll, beforeAll, expect, it } from 'vitest';
import { prepareProcesses, type Processes } from '../support/processes.ts';

let hookline: Processes;

beforeAll(async () => {
  // It is never opened.
  hookline = await prepareProcesses({ databaseUrl: 'postgres://nobody@127.0.0.1:1/none' });
});
afterAll(() => hookline.stop());

it.each([
  ['is short', 'hunter2-hunter2'],
  ['has a space in it', 'hunter2 hunter2 hunter2'],
  ['has a line break in it', 'hunter2-hunter2\nhunter2-hunter2'],
  ['has other letters than a header may', 'hunter2-hünter2-hunter2'],
])('an admin key that %s stops the start, and is not shown', async (_, key) => {
  const server = hookline.startServer({ HOOKLINE_ADMIN_KEY: key });
  expect(await server.exited).toEqual({ code: 1, signal: null });
  expect(server.lines.join('\n')).toContain('HOOKLINE_ADMIN_KEY');
  expect(server.lines.join('\n')).not.toContain('hunter2');
});
