import { expect, it } from 'vitest';
import { walk, type Plan, type Prepared, type Sent, type Verbs, type WaitPath } from '../../domain/walk.ts';

const SENT: Sent = { state: 'sent', exit: false, detail: 'webhook sent' };

/** Verbs that answer from literals and write down what was asked of them, in order. */
function simulated(
  answers: {
    prepared?: Record<string, Prepared>;
    sent?: Record<string, Sent>;
    waited?: Record<string, WaitPath>;
  } = {},
) {
  const calls: string[] = [];
  const verbs: Verbs = {
    async atBoundary(step) {
      calls.push(`boundary ${step.id}`);
    },
    async prepare(step) {
      calls.push(`prepare ${step.id}`);
      const prepared = answers.prepared?.[step.id];
      if (!prepared) throw new Error(`nobody expected step ${step.id}`);
      return prepared;
    },
    async sleepUntil(until, step) {
      calls.push(`sleep ${step.id} until ${until}`);
    },
    async waitFor({ until }, step) {
      calls.push(`wait ${step.id} until ${until}`);
      return answers.waited?.[step.id] ?? 'then';
    },
    async send(delivery, step) {
      calls.push(`send ${step.id}: ${delivery.id}, ${delivery.label}, ${delivery.timeoutMs} ms`);
      return answers.sent?.[delivery.id] ?? SENT;
    },
  };
  /** What was done, without the boundaries that stand before each step. */
  const done = () => calls.filter((call) => !call.startsWith('boundary'));
  return { verbs, calls, done };
}

const webhook = (delivery: string, send = true): Prepared => ({ type: 'webhook', delivery, label: 'POST x', send });
const update: Prepared = { type: 'update' };

it('takes the steps in order, each after its boundary, and completes', async () => {
  const { verbs, calls } = simulated({
    prepared: {
      rest: { type: 'delay', until: '2030-01-01T00:00:00.000Z' },
      tell: webhook('dlv_1'),
      note: update,
    },
  });
  const plan: Plan = {
    steps: [
      { type: 'delay', id: 'rest' },
      { type: 'webhook', id: 'tell', timeoutMs: 4_000 },
      { type: 'update', id: 'note' },
    ],
  };
  expect(await walk(plan, verbs)).toEqual({ state: 'completed', reason: null });
  expect(calls).toEqual([
    'boundary rest',
    'prepare rest',
    'sleep rest until 2030-01-01T00:00:00.000Z',
    'boundary tell',
    'prepare tell',
    'send tell: dlv_1, POST x, 4000 ms',
    'boundary note',
    'prepare note',
  ]);
});

it('completes a plan without steps at once', async () => {
  const { verbs, calls } = simulated();
  expect(await walk({ steps: [] }, verbs)).toEqual({ state: 'completed', reason: null });
  expect(calls).toEqual([]);
});

const nested: Plan = {
  steps: [
    { type: 'update', id: 'first' },
    {
      type: 'branch',
      id: 'outer',
      cases: [
        [{ type: 'update', id: 'a' }],
        [
          { type: 'update', id: 'b' },
          {
            type: 'branch',
            id: 'inner',
            cases: [[{ type: 'update', id: 'b-yes' }]],
            otherwise: [
              { type: 'update', id: 'b-no' },
              { type: 'update', id: 'b-no-more' },
            ],
          },
          { type: 'update', id: 'b-after' },
        ],
      ],
      otherwise: [{ type: 'update', id: 'none' }],
    },
    { type: 'update', id: 'last' },
  ],
};

const updates = Object.fromEntries(
  ['first', 'a', 'b', 'b-yes', 'b-no', 'b-no-more', 'b-after', 'none', 'last'].map((id) => [id, update]),
);
const taking = (outer: number | null, inner: number | null = null) => ({
  prepared: {
    ...updates,
    outer: { type: 'branch', taken: outer },
    inner: { type: 'branch', taken: inner },
  } satisfies Record<string, Prepared>,
});

it.each([
  ['the first case', 0, null, ['first', 'outer', 'a', 'last']],
  ['no case', null, null, ['first', 'outer', 'none', 'last']],
  ['a case in a case', 1, 0, ['first', 'outer', 'b', 'inner', 'b-yes', 'b-after', 'last']],
  ['otherwise in a case', 1, null, ['first', 'outer', 'b', 'inner', 'b-no', 'b-no-more', 'b-after', 'last']],
])('a branch takes %s and goes on after it', async (_, outer, inner, path) => {
  const { verbs, done } = simulated(taking(outer, inner));
  expect(await walk(nested, verbs)).toEqual({ state: 'completed', reason: null });
  expect(done()).toEqual(path.map((id) => `prepare ${id}`));
});

it.each([
  ['first', ['first', 'outer', 'none', 'last']],
  ['outer', ['outer', 'none', 'last']],
  ['b', ['b', 'inner', 'b-no', 'b-no-more', 'b-after', 'last']],
  ['inner', ['inner', 'b-no', 'b-no-more', 'b-after', 'last']],
  ['b-yes', ['b-yes', 'b-after', 'last']],
  ['b-no-more', ['b-no-more', 'b-after', 'last']],
  ['none', ['none', 'last']],
  ['last', ['last']],
])('taken up at %s, it decides nothing before again', async (position, path) => {
  const { verbs, done } = simulated(taking(null));
  expect(await walk(nested, verbs, position)).toEqual({ state: 'completed', reason: null });
  expect(done()).toEqual(path.map((id) => `prepare ${id}`));
});

it('refuses a position that the plan does not have, rather than complete a journey that did nothing', async () => {
  const { verbs, calls } = simulated();
  await expect(walk(nested, verbs, 'gone')).rejects.toThrow('the plan has no step "gone"');
  expect(calls).toEqual([]);
});

it('ends where a step ends the journey, from inside any branch', async () => {
  const { verbs, done } = simulated({
    prepared: { fork: { type: 'branch', taken: 0 }, out: { type: 'ended', reason: 'not for them' } },
  });
  const plan: Plan = {
    steps: [
      { type: 'branch', id: 'fork', cases: [[{ type: 'exit', id: 'out' }]], otherwise: [] },
      { type: 'update', id: 'never' },
    ],
  };
  expect(await walk(plan, verbs)).toEqual({ state: 'exited', reason: 'not for them' });
  expect(done()).toEqual(['prepare fork', 'prepare out']);
});

it('ends when any step finds that the person was erased', async () => {
  const { verbs, done } = simulated({ prepared: { rest: { type: 'ended', reason: 'the person was erased' } } });
  const plan: Plan = {
    steps: [
      { type: 'delay', id: 'rest' },
      { type: 'update', id: 'never' },
    ],
  };
  expect(await walk(plan, verbs)).toEqual({ state: 'exited', reason: 'the person was erased' });
  expect(done()).toEqual(['prepare rest']);
});

const two: Plan = {
  steps: [
    { type: 'webhook', id: 'tell', timeoutMs: 1_000 },
    { type: 'update', id: 'note' },
  ],
};

it('exits where a failed webhook says so', async () => {
  const { verbs, done } = simulated({
    prepared: { tell: webhook('dlv_1'), note: update },
    sent: { dlv_1: { state: 'failed', exit: true, detail: 'webhook tell failed' } },
  });
  expect(await walk(two, verbs)).toEqual({ state: 'exited', reason: 'webhook tell failed' });
  expect(done()).toEqual(['prepare tell', 'send tell: dlv_1, POST x, 1000 ms']);
});

it('goes on after a failed webhook that does not', async () => {
  const { verbs, done } = simulated({
    prepared: { tell: webhook('dlv_1'), note: update },
    sent: { dlv_1: { state: 'failed', exit: false, detail: 'webhook tell failed' } },
  });
  expect(await walk(two, verbs)).toEqual({ state: 'completed', reason: null });
  expect(done()).toEqual(['prepare tell', 'send tell: dlv_1, POST x, 1000 ms', 'prepare note']);
});

it('sends nothing for a delivery that is not to be sent', async () => {
  const { verbs, done } = simulated({ prepared: { tell: webhook('dlv_1', false), note: update } });
  expect(await walk(two, verbs)).toEqual({ state: 'completed', reason: null });
  expect(done()).toEqual(['prepare tell', 'prepare note']);
});
