import type { SearchAttributePair } from '@temporalio/common';
import {
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { PLAN_VERSION, walk, type Ending, type Plan, type PlanStep, type Verbs } from '../domain/walk.ts';
import { endJourney, endWait, exitJourney, prepare } from './local-activities.ts';
import { labelAttributes, searchAttributes, waitSubject, type Labels } from './messages.ts';
import { deliver, listenForWakes, SHORTEST_WAIT_MS, type Woken } from './sending.ts';

export type JourneyInput = { journey: string; planVersion: number; plan: Plan; position?: string };

/** Why a workflow ends where it stands. Why the journey ended in Hookline stays there: it may be an operator's own words. */
const CUT_OFF = { temporal: 'cancelled in Temporal', hookline: 'ended in Hookline' };

/**
 * One entry of one person into one campaign version: walks the plan, step by step, to its end. It leaves where it stands when it is
 * woken by its own id: its row has ended. A request that is under way then finishes by itself.
 */
export async function journey(input: JourneyInput): Promise<void> {
  if (input.planVersion > PLAN_VERSION) {
    // No failure of the workflow but of its task, which waits for a worker that knows the plan.
    throw new Error(`this worker walks plans up to version ${PLAN_VERSION}, not ${input.planVersion}`);
  }
  const passed: PassedStep[] = [];
  const walking = new CancellationScope();
  const woken = listenForWakes((subject) => subject === input.journey && walking.cancel());
  let ending: Ending;
  try {
    ending = await walking.run(() => walk(input.plan, temporalVerbs(input, { passed, woken }), input.position));
    await endJourney({ journey: input.journey, ...ending });
  } catch (error) {
    if (!isCancellation(error)) throw error;
    const reason = woken.has(input.journey) ? CUT_OFF.hookline : CUT_OFF.temporal;
    ending = { state: 'exited', reason };
    await CancellationScope.nonCancellable(() => exitJourney({ journey: input.journey, reason }));
  }
  showLabels();
  const last = ending.state === 'exited' ? `Exited: ${ending.reason}` : 'Completed';
  setCurrentDetails([...passed.map(passedLine), '', last].join('\n'));
}

/** For the current details: a step that was taken, and whether its webhook failed. */
type PassedStep = { id: string; failed: boolean };

function temporalVerbs(input: JourneyInput, { passed, woken }: { passed: PassedStep[]; woken: Woken }): Verbs {
  const continueAt = (step: PlanStep) => continueAsNew<typeof journey>({ ...input, position: step.id });
  /** Returns when it is woken, or at the time; a clock that is behind must not make a busy loop. */
  const holdUntil = async (until: string | null, step: PlanStep) => {
    const subject = waitSubject(step.id);
    const isWoken = () => woken.has(subject);
    showProgress(passed, `waits, since ${new Date().toISOString()}${until === null ? '' : `, until ${until} at most`}`);
    showState(step.type === 'delay' ? 'delayed' : 'waiting', step.id);
    if (until === null) await condition(isWoken);
    else {
      const remainingMs = Math.max(Date.parse(until) - Date.now(), SHORTEST_WAIT_MS);
      await condition(isWoken, remainingMs, { summary: `${step.id} until ${until}` });
    }
    woken.delete(subject);
    showState('running', null);
  };
  return {
    async atBoundary(step) {
      if (workflowInfo().continueAsNewSuggested) await continueAt(step);
    },
    async prepare(step) {
      const prepared = await prepare({ journey: input.journey, step: step.id, type: step.type });
      passed.push({ id: step.id, failed: false });
      return prepared;
    },
    async sleepUntil(until, step) {
      const remainingMs = Date.parse(until) - Date.now();
      if (remainingMs <= 0) return;
      showProgress(passed, `its delay, since ${new Date().toISOString()}, until ${until}`);
      showState('delayed', step.id);
      await sleep(remainingMs, { summary: `${step.id} until ${until}` });
      showState('running', null);
    },
    async waitFor({ until, ended }, step) {
      for (let open = { until, ended }; ; open = await endWait({ journey: input.journey, step: step.id })) {
        if (open.ended) return open.ended;
        await holdUntil(open.until, step);
        if (workflowInfo().continueAsNewSuggested) await continueAt(step);
      }
    },
    async send(delivery, step) {
      // A draft shows them with its state.
      if (!delivery.held) showLabels();
      const showSending = () => showProgress(passed, `sending \`${delivery.id}\`, since ${new Date().toISOString()}`);
      showSending();
      const sent = await deliver(delivery, {
        woken,
        summary: `${delivery.label} · ${step.id}`,
        onWait(what, held) {
          showProgress(passed, `\`${delivery.id}\` ${what}`);
          // A line may have thousands, and is told of by Hookline: only what waits for people is looked for here.
          if (held) showState('awaitingApproval', step.id);
        },
        onGo(held) {
          showSending();
          if (held) showState('running', null);
        },
        continueAsNew: () => continueAt(step),
      });
      const last = passed.at(-1);
      if (last) last.failed = sent.state === 'failed';
      return sent;
    },
  };
}

/** Each change costs an event of history: only waits that a person may look for are worth one. */
function showState(state: string, step: string | null): void {
  const labels = labelsToShow();
  if (!labels) return;
  upsertSearchAttributes([
    ...labels,
    { key: searchAttributes.state, value: state },
    { key: searchAttributes.step, value: step },
  ]);
}

/** Once: a journey of a broadcast can be found no later than with its first webhook, or its end. */
function showLabels(): void {
  if (labelsToShow()?.length) showState('running', null);
}

/** None where they are shown, be it from the start; undefined where the server has no search attributes. */
function labelsToShow(): SearchAttributePair[] | undefined {
  const { typedSearchAttributes, memo } = workflowInfo();
  if (typedSearchAttributes.get(searchAttributes.campaign) !== undefined) return [];
  const { campaign, person } = (memo ?? {}) as Partial<Labels>;
  return campaign && person ? labelAttributes({ campaign, person }) : undefined;
}

/** Current details cost nothing: the UI asks the worker for them. */
function showProgress(passed: PassedStep[], what: string): void {
  const earlier = passed.slice(0, -1).map(passedLine);
  setCurrentDetails([...earlier, `- ⏳ ${passed.at(-1)?.id}: ${what}`].join('\n'));
}

const passedLine = ({ id, failed }: PassedStep) => `- ${failed ? '❌' : '✅'} ${id}`;
