import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { PLAN_VERSION, walk, type Plan, type PlanStep, type Verbs } from '../domain/walk.ts';
import { searchAttributes, WAKE_SIGNAL } from './messages.ts';

export type JourneyInput = { journey: string; planVersion: number; plan: Plan; position?: string };

const wakeSignal = defineSignal<[delivery: string]>(WAKE_SIGNAL);

/** Short, and soon a timer: a database that is away must not keep workflow tasks open. */
const { prepare, endJourney } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '10s',
  localRetryThreshold: '5s',
  retry: { initialInterval: '500ms', maximumInterval: '1m' },
});

/** A killed worker is noticed by its heartbeat; the rest is room to repeat a database write while the process lives. */
const HEARTBEAT_TIMEOUT = '20s';
const WRITE_MARGIN_MS = 24 * 60 * 60_000;

/** One entry of one person into one campaign version: walks the plan, step by step, to its end. */
export async function journey(input: JourneyInput): Promise<void> {
  if (input.planVersion !== PLAN_VERSION) {
    // No failure of the workflow but of its task, which waits for a worker that knows the plan.
    throw new Error(`this worker walks plans of version ${PLAN_VERSION}, not ${input.planVersion}`);
  }
  const passed: PassedStep[] = [];
  const ending = await walk(input.plan, temporalVerbs(input, passed), input.position);
  await endJourney({ journey: input.journey, ...ending });
  const last = ending.state === 'exited' ? `Exited: ${ending.reason}` : 'Completed';
  setCurrentDetails([...passed.map(passedLine), '', last].join('\n'));
}

/** For the current details: a step that was taken, and whether its webhook failed. */
type PassedStep = { id: string; failed: boolean };

/** For the current details, and for who looks at the timer: what a delivery waits for at its destination. */
const PARKED = {
  breaker: 'waits until its destination works again',
  rateLimit: "waits for its time under the webhook's rate limit",
  slot: 'waits for a slot at its destination',
};

function temporalVerbs(input: JourneyInput, passed: PassedStep[]): Verbs {
  const woken = new Set<string>();
  setHandler(wakeSignal, (delivery) => void woken.add(delivery));
  const continueAt = (step: PlanStep) => continueAsNew<typeof journey>({ ...input, position: step.id });
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
      showProgress(passed, `until ${until}`);
      showState('delayed', step.id);
      await sleep(remainingMs, { summary: `${step.id} until ${until}` });
      showState('running', null);
    },
    async send(delivery, step) {
      showProgress(passed, `sending \`${delivery.id}\``);
      const { sendWebhook } = proxyActivities<Activities>({
        startToCloseTimeout: delivery.timeoutMs + WRITE_MARGIN_MS,
        heartbeatTimeout: HEARTBEAT_TIMEOUT,
        // The webhook's own delays come with each failure; these are for what is no fault of its receiver.
        retry: { initialInterval: '10s', backoffCoefficient: 1 },
        summary: `${delivery.label} · ${step.id}`,
      });
      for (;;) {
        woken.delete(delivery.id);
        const sent = await sendWebhook({ delivery: delivery.id });
        if (sent.state !== 'parked') {
          const last = passed.at(-1);
          if (last) last.failed = sent.state === 'failed';
          return sent;
        }
        showProgress(passed, `\`${delivery.id}\` ${PARKED[sent.reason]}`);
        showState('sending', step.id);
        const remainingMs = Math.max(Date.parse(sent.until) - Date.now(), 1);
        await condition(() => woken.has(delivery.id), remainingMs, { summary: `${step.id} ${PARKED[sent.reason]}` });
        if (workflowInfo().continueAsNewSuggested) await continueAt(step);
      }
    },
  };
}

/** Each change costs an event of history: only waits that a person may look for are worth one. */
function showState(state: string, step: string | null): void {
  if (workflowInfo().typedSearchAttributes.get(searchAttributes.campaign) === undefined) return;
  upsertSearchAttributes([
    { key: searchAttributes.state, value: state },
    { key: searchAttributes.step, value: step },
  ]);
}

/** Current details cost nothing: the UI asks the worker for them. */
function showProgress(passed: PassedStep[], what: string): void {
  const earlier = passed.slice(0, -1).map(passedLine);
  setCurrentDetails([...earlier, `- ⏳ ${passed.at(-1)?.id}: ${what}`].join('\n'));
}

const passedLine = ({ id, failed }: PassedStep) => `- ${failed ? '❌' : '✅'} ${id}`;
