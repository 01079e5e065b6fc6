import { readdir, readFile, writeFile } from 'node:fs/promises';
import { Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { quietRuntime } from '../support/workflows.ts';
import { fromJson, type History } from './history-json.ts';
import { bundlePlanted, type Planted } from './planted.ts';
import { RECORDINGS } from './record.ts';
import { NO_LOOP_LIMIT } from '../../workflow-limits.ts';

const here = new URL('.', import.meta.url);
const names = (await readdir(here)).filter((name) => name.endsWith('.json'));
const read = async (name: string) => JSON.parse(await readFile(new URL(name, here), 'utf8')) as object;

const replay = (history: History, workflowBundle: WorkflowBundleOption) =>
  Worker.runReplayHistory({ workflowBundle, ...NO_LOOP_LIMIT }, history, 'recorded');
const today = () => ({ codePath: inject('bundlePath') });

beforeAll(quietRuntime);

function expectNothingOfAnybody(recording: object) {
  const payloads = [...JSON.stringify(recording).matchAll(/"data":"([^"]*)"/g)].map(([, data = '']) => atob(data));
  const person = /\b(?:mary|john|lead-7)\b/;
  const machine = /127\.0\.0\.1|localhost|\d@|file:|node_modules|test-[0-9a-f]{8}/;
  for (const text of [JSON.stringify(recording), ...payloads]) {
    expect(text).not.toMatch(machine);
    expect(text).not.toMatch(person);
  }
}

describe('a workflow that began with an earlier version', () => {
  it('is kept in a recording, of each kind', () => {
    const kinds = [...Object.keys(RECORDINGS), 'continued', 'resumed'];
    const latest = kinds.map((kind) => `${kind}-v${kind === 'entered' ? 3 : 2}.json`);
    expect(names).toEqual(expect.arrayContaining(['journey-v1.json', ...latest]));
  });

  it.each(names)('goes on with the workflows of today: %s', async (name) => {
    await replay(fromJson(await read(name)), today());
  });

  it.each(names)('holds nothing of a person, and names no machine: %s', async (name) => expectNothingOfAnybody(await read(name)));
});

/** Each asks once more than it did, or no more what it did: what one forgets to put behind `patched`. */
const CHANGES: (Planted & { seenIn: string })[] = [
  ...[
    ['a delay', "case 'delay':\n      await verbs.sleepUntil"],
    ['a wait', "case 'wait': {\n      const path"],
    ['a webhook', "case 'webhook': {\n      if (!prepared.send)"],
    ['a branch', "case 'branch': {\n      if (step.type"],
    ['a split', "case 'split':\n      return step.type"],
    ['an update', "case 'update':\n      return null;\n    case 'ended'"],
    ['an exit', "case 'ended':\n      return {"],
  ].map(([what = '', from = '']): Planted & { seenIn: string } => ({
    what: `${what} is prepared twice`,
    file: 'domain/walk.ts',
    from,
    to: from.replace(/\n\s+(?=\S)/, (space) => `${space}await verbs.prepare(step);${space}`),
    // Where a step is followed by another that only leaves a marker, its second one is taken for that.
    seenIn: ['a branch', 'an update'].includes(what) ? 'parked-v2.json' : 'journey-v2.json',
  })),
  {
    what: 'a delay says no more that it is one',
    file: 'workflows/journey.ts',
    from: "showState('delayed', step.id);",
    to: '',
    seenIn: 'journey-v2.json',
  },
  {
    what: 'a wait says no more that it is one',
    file: 'workflows/journey.ts',
    from: "showState(step.type === 'delay' ? 'delayed' : 'waiting', step.id);",
    to: '',
    seenIn: 'journey-v2.json',
  },
  {
    what: 'a wait is looked at before it begins',
    file: 'workflows/journey.ts',
    from: 'for (let open = { until, ended }; ;',
    to: 'for (let open = ended ? { until, ended } : await endWait({ journey: input.journey, step: step.id }); ;',
    seenIn: 'journey-v2.json',
  },
  {
    what: 'a draft is sent without waiting for its approval',
    file: 'workflows/sending.ts',
    from: "if (held) await wait('approval', null);",
    to: '',
    seenIn: 'journey-v2.json',
  },
  {
    what: 'who stands in line waits for the signal alone',
    file: 'workflows/sending.ts',
    from: 'if (until === null) await condition(isWoken);',
    to: 'if (until !== null || until === null) await condition(isWoken);',
    seenIn: 'parked-v2.json',
  },
  {
    what: 'a delivery without a journey waits before it is sent',
    file: 'workflows/sending.ts',
    from: 'for (;;) {\n    woken.delete(id);',
    to: 'for (;;) {\n    await condition(() => false, 1_000);\n    woken.delete(id);',
    seenIn: 'delivery-v2.json',
  },
  {
    what: 'a broadcast waits for nothing',
    file: 'workflows/broadcast.ts',
    from: 'if (page.waitsFor) {',
    to: 'if (page.waitsFor && Date.now() < 0) {',
    seenIn: 'broadcast-v2.json',
  },
  {
    what: 'a journey that was ended is not told so',
    file: 'workflows/journey.ts',
    from: 'await CancellationScope.nonCancellable(() => exitJourney({ journey: input.journey, reason }));',
    to: '',
    seenIn: 'exited-v2.json',
  },
  {
    what: 'a journey of a broadcast does not show whose it is with its first webhook',
    file: 'workflows/journey.ts',
    from: 'if (!delivery.held) showLabels();',
    to: '',
    seenIn: 'entered-v3.json',
  },
  {
    what: 'a journey does something new first',
    file: 'workflows/journey.ts',
    from: 'const passed: PassedStep[] = [];',
    to: 'const passed: PassedStep[] = [];\n  await sleep(60_000);',
    seenIn: 'journey-v1.json',
  },
];

/** The same, copied: what shows that the copies would replay. */
const UNCHANGED: Planted = { what: 'nothing', file: 'domain/walk.ts', from: "case 'ended':", to: "case 'ended':" };

describe('a change that a workflow which is under way would not survive', () => {
  let changed: WorkflowBundleOption;
  beforeAll(async () => {
    changed = await bundlePlanted([...CHANGES, UNCHANGED]);
  });

  /** A recording, as if its workflow were one of the copies. */
  const recordedAs = async (name: string, number: number) => {
    const history = fromJson(await read(name));
    const type = history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowType;
    if (type) type.name = `${type.name}${number}`;
    return history;
  };

  it.each(CHANGES.map((change, number) => ({ ...change, number })))('is found: $what', async ({ seenIn, number }) => {
    await expect(replay(await recordedAs(seenIn, number), changed)).rejects.toThrow(/nondeterminism|task failure/i);
  });

  it.each(names)('is not found where nothing has changed: %s', async (name) => {
    await replay(await recordedAs(name, CHANGES.length), changed);
  });
});

describe('today', () => {
  it.each(Object.entries(RECORDINGS))('%s replays, and holds nothing of a person', { timeout: 60_000 }, async (kind, record) => {
    const history = await record();
    expectNothingOfAnybody(history);
    await replay(fromJson(history), today());
    const release = process.env['HOOKLINE_RECORD'];
    if (!release || names.includes(`${kind}-${release}.json`)) return;
    await writeFile(new URL(`${kind}-${release}.json`, here), `${JSON.stringify(history, null, 2)}\n`);
  });
});
