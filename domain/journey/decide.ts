import type { Step, StepOf } from '../campaign/steps.ts';
import { evaluateCondition } from '../condition/evaluate-condition.ts';
import { HooklineError } from '../errors.ts';
import { parseDurationMs } from '../input/duration.ts';
import type { Json } from '../json.ts';
import { evaluateMapping } from '../request/mapping.ts';
import { redactJson } from '../request/redact.ts';
import { shownError } from '../request/shown-error.ts';
import type { AtStep, Decision } from './decision.ts';
import { renderDelivery } from './render-delivery.ts';

/** What a journey does at a step, the same for a real one and for one that is only tried out. */
export async function decide(step: Step, at: AtStep): Promise<Decision> {
  switch (step.type) {
    case 'delay':
      return decideDelay(step, at);
    case 'webhook':
      return decideWebhook(step, at);
    case 'branch':
      return decideBranch(step, at);
    case 'update':
      return decideUpdate(step, at);
    case 'exit':
      return decideExit(step);
  }
}

/** The deadline is stored before the workflow sleeps: a repeat sleeps until the same moment. */
function decideDelay(step: StepOf<'delay'>, { now }: AtStep): Decision {
  const until = new Date(now.getTime() + parseDurationMs(step.for));
  return { prepared: { type: 'delay', until: until.toISOString() }, details: { until: until.toISOString() }, until };
}

/** One that does not render is a failed delivery, and the journey goes on or ends as `onFailure` says. */
async function decideWebhook(step: StepOf<'webhook'>, at: AtStep): Promise<Decision> {
  const delivery = renderDelivery(at.compiled.webhook(step.id), await at.scope(), {
    id: at.newDeliveryId(),
    now: at.now,
  });
  await at.keepDelivery(delivery);
  const { id, state, error, label, mapping } = delivery;
  const details = { delivery: id, state, ...(error && { error }) };
  if (state === 'failed' && step.onFailure === 'exit') {
    return { prepared: { type: 'ended', reason: `webhook ${step.id} failed` }, details };
  }
  const prepared = { type: 'webhook', delivery: id, label, send: state === 'queued' } as const;
  // What the answer sets may be read by later steps: only without a mapping does the journey go on before the decision.
  const held = state === 'drafted' && mapping.state === 'pending';
  if (!held) return { prepared, details };
  return {
    prepared: { ...prepared, send: true, held },
    details,
    ...(delivery.expiresAt && { until: delivery.expiresAt }),
  };
}

/** Takes the first case that holds, and keeps the values that were seen. */
async function decideBranch(step: StepOf<'branch'>, at: AtStep): Promise<Decision> {
  const scope = await at.scope();
  const evaluated: Json[] = [];
  const secrets = Object.values(scope.secrets);
  for (const [taken, { when }] of step.cases.entries()) {
    const { holds, values } = await evaluateCondition(when, scope, at.now, at.facts);
    // An answer may echo a secret that its request had.
    evaluated.push({ holds, values: redactJson(values, secrets) });
    if (holds) return { prepared: { type: 'branch', taken }, details: { taken, evaluated } };
  }
  return { prepared: { type: 'branch', taken: null }, details: { taken: null, evaluated } };
}

/** Sets attributes from templates; what fails to render or is too large changes nothing, and the journey goes on. */
async function decideUpdate(step: StepOf<'update'>, at: AtStep): Promise<Decision> {
  const prepared = { type: 'update' } as const;
  const scope = await at.scope();
  try {
    const { changes, absent } = evaluateMapping(at.compiled.update(step.id), scope);
    await at.setAttributes(changes);
    return { prepared, details: { attributes: changes, ...(absent.length > 0 && { absent }) } };
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return { prepared, details: { error: shownError(error, Object.values(scope.secrets)) } };
  }
}

function decideExit(step: StepOf<'exit'>): Decision {
  const reason = step.reason ?? 'exit step';
  return { prepared: { type: 'ended', reason }, details: { reason } };
}
