import {
  ApplicationFailure,
  continueAsNew,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { PLAN_VERSION, walk, type Plan, type PlanStep, type Verbs } from '../domain/walk.ts';
import { searchAttributes } from './messages.ts';

export type JourneyInput = { journey: string; planVersion: number; plan: Plan; position?: string };

/** Short, and soon a timer: a database that is away must not keep workflow tasks open. */
const { prepare, endJourney } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '10s',
  localRetryThreshold: '5s',
  retry: { initialInterval: '500ms', maximumInterval: '1m' },
});

/** A killed worker is noticed by its heartbeat; the rest is room to repeat a database write while the process lives. */
const HEARTBEAT_TIMEOUT = '20s';
const WRITE_MARGIN_MS = 5 * 60_000;

/** One entry of one person into one campaign version: walks the plan, step by step, to its end. */
export async function journey(input: JourneyInput): Promise<void> {
  if (input.planVersion !== PLAN_VERSION) {
    throw ApplicationFailure.nonRetryable(
      `this worker walks plans of version ${PLAN_VERSION}, not ${input.planVersion}`,
    );
  }
  const ending = await walk(input.plan, temporalVerbs(input), input.position);
  await endJourney({ journey: input.journey, ...ending });
  setCurrentDetails(ending.state === 'exited' ? `Exited: ${ending.reason}` : 'Completed');
}

function temporalVerbs(input: JourneyInput): Verbs {
  const done: string[] = [];
  return {
    async atBoundary(step) {
      if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof journey>({ ...input, position: step.id });
    },
    async prepare(step) {
      const prepared = await prepare({ journey: input.journey, step: step.id, type: step.type });
      done.push(step.id);
      return prepared;
    },
    async sleepUntil(until, step) {
      const remainingMs = Date.parse(until) - Date.now();
      if (remainingMs <= 0) return;
      showWait(done, step, 'delayed', `until ${until}`);
      await sleep(remainingMs, { summary: `${step.id} until ${until}` });
    },
    async send(delivery, step) {
      showProgress(done, `sending \`${delivery.id}\``);
      const { sendWebhook } = proxyActivities<Activities>({
        startToCloseTimeout: delivery.timeoutMs + WRITE_MARGIN_MS,
        heartbeatTimeout: HEARTBEAT_TIMEOUT,
        retry: { initialInterval: '10s', backoffCoefficient: 2, maximumInterval: '2h' },
        summary: `${delivery.label} · ${step.id}`,
      });
      return sendWebhook({ delivery: delivery.id });
    },
  };
}

/** Current details are free; search attributes cost an event, so they are set only for waits that a person may look for. */
function showWait(done: string[], step: PlanStep, state: string, what: string): void {
  showProgress(done, what);
  if (workflowInfo().typedSearchAttributes.get(searchAttributes.campaign) === undefined) return;
  upsertSearchAttributes([
    { key: searchAttributes.state, value: state },
    { key: searchAttributes.step, value: step.id },
  ]);
}

function showProgress(done: string[], what: string): void {
  const lines = done.map((id, place) => (place === done.length - 1 ? `- ⏳ ${id}: ${what}` : `- ✅ ${id}`));
  setCurrentDetails(lines.join('\n'));
}
