import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { quietRuntime } from '../support/workflows.ts';
import { fromJson } from './history-json.ts';
import { recordJourney } from './record.ts';

const here = new URL('.', import.meta.url);
const names = (await readdir(here)).filter((name) => name.endsWith('.json'));
const read = async (name: string) => JSON.parse(await readFile(new URL(name, here), 'utf8')) as object;

const replay = (history: object, workflowBundle: WorkflowBundleOption) =>
  Worker.runReplayHistory({ workflowBundle }, fromJson(history), 'journey/jrn_1/1');
const today = () => ({ codePath: inject('bundlePath') });

beforeAll(quietRuntime);

describe('a journey that began with an earlier version', () => {
  it('is kept in a recording, at least one', () => {
    expect(names).toContain('journey-v1.json');
  });

  it.each(names)('goes on with the workflows of today: %s', async (name) => {
    await replay(await read(name), today());
  });

  it.each(names)('names no machine: %s', async (name) => {
    const recording = await read(name);
    const payloads = [...JSON.stringify(recording).matchAll(/"data":"([^"]*)"/g)].map(([, data = '']) => atob(data));
    const machine = /127\.0\.0\.1|localhost|\d@|file:|node_modules|test-[0-9a-f]{8}/;
    for (const text of [JSON.stringify(recording), ...payloads]) expect(text).not.toMatch(machine);
  });

  it('would break where a workflow did something new first', async () => {
    const workflowsPath = fileURLToPath(new URL('./late-start.ts', import.meta.url));
    const changed = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
    await expect(replay(await read('journey-v1.json'), changed)).rejects.toThrow(DeterminismViolationError);
  });
});

it('a journey of today replays', async () => {
  const history = await recordJourney();
  await replay(history, today());
  const name = process.env['HOOKLINE_RECORD'];
  if (name) await writeFile(new URL(`${name}.json`, here), `${JSON.stringify(history, null, 2)}\n`, { flag: 'wx' });
});
