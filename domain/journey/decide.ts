import { chooseVariant } from '../campaign/split.ts';
import type { Step, StepOf } from '../campaign/steps.ts';
import { evaluateCondition, type Judgement } from '../condition/evaluate-condition.ts';
import { isTimed } from '../condition/needs.ts';
import { readCondition } from '../condition/rule.ts';
import { HooklineError } from '../errors.ts';
import { parseDurationMs } from '../input/duration.ts';
import { endOfDelay, explainEnd, followsPerson } from './delay-deadline.ts';
import type { Json } from '../json.ts';
import { evaluateMapping } from '../request/mapping.ts';
import { redactJson } from '../request/redact.ts';
import { shownError } from '../request/shown-error.ts';
import type { Scope } from '../scope.ts';
import type { AtStep, Decision } from './decision.ts';
import { renderDelivery, suppressedDelivery } from './render-delivery.ts';

/** What a journey does at a step, the same for a real one and for one that is only tried out. */
export async function decide(step: Step, at: AtStep): Promise<Decision> {
  switch (step.type) {
    case 'delay':
      return decideDelay(step, at);
    case 'webhook':
      return decideWebhook(step, at);
    case 'wait':
      return decideWait(step, at);
    case 'branch':
      return decideBranch(step, at);
    case 'split':
      return decideSplit(step, at);
    case 'update':
      return decideUpdate(step, at);
    case 'exit':
      return decideExit(step);
  }
}

/**
 * The deadline is stored before the workflow sleeps: a repeat sleeps until the same moment. One that follows from the person is a
 * wait, since it moves when they change.
 */
async function decideDelay(step: StepOf<'delay'>, at: AtStep): Promise<Decision> {
  const end = await endOfDelay(step, at);
  const details = explainEnd(end, at.now);
  const deadline = end.at;
  if (!deadline) return { prepared: { type: 'wait', until: null, ended: 'elapsed' }, details };
  const until = deadline.toISOString();
  if (!followsPerson(step)) return { prepared: { type: 'delay', until }, details, until: deadline };
  await at.keepWait({ step: step.id, kind: 'time', eventName: null, sinceEntry: false, deadline, timed: false });
  return { prepared: { type: 'wait', until, ended: null }, details, until: deadline };
}

/**
 * One that does not render is a failed delivery, and the journey goes on or ends as `onFailure` says; one to somebody who is suppressed
 * is skipped. Before that, who has left the audience may have to leave the journey.
 */
async function decideWebhook(step: StepOf<'webhook'>, at: AtStep): Promise<Decision> {
  const scope = await at.scope();
  const audience = await judgeAudience(at, scope);
  if (audience && !audience.holds) {
    const reason = 'not in the audience any more';
    return { prepared: { type: 'ended', reason }, what: 'exited', details: { reason, values: audience.values } };
  }
  const webhook = at.compiled.webhook(step.id);
  const newId = at.newDeliveryId();
  const delivery = at.suppressed
    ? suppressedDelivery(webhook, newId)
    : renderDelivery(webhook, scope, { id: newId, now: at.now });
  await at.keepDelivery(delivery);
  const { id, state, error, label, mapping } = delivery;
  const details = { delivery: id, state, ...(error && { error }), ...(audience && { audience: audience.values }) };
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

/** Whether the person still belongs to the audience, where that matters; null: it does not. */
async function judgeAudience({ compiled, now, facts }: AtStep, scope: Scope): Promise<Judgement | null> {
  const { audience, exit } = compiled.campaign;
  return audience && exit?.whenNotInAudience ? evaluateCondition(audience, scope, now, facts) : null;
}

/** The deadline is stored, so that whoever looks later finds the same one. */
async function decideWait(step: StepOf<'wait'>, { now, keepWait }: AtStep): Promise<Decision> {
  const { id, event = null, until: condition, timeout, since } = step;
  const deadline = timeout === undefined ? null : new Date(now.getTime() + parseDurationMs(timeout));
  await keepWait({
    step: id,
    kind: condition ? 'condition' : 'event',
    eventName: event,
    sinceEntry: since === 'entry',
    deadline,
    timed: condition !== undefined && isTimed(readCondition(condition)),
  });
  const until = deadline?.toISOString() ?? null;
  return {
    prepared: { type: 'wait', until, ended: null },
    details: { ...(event === null ? { for: 'condition' } : { for: 'event', event }), until },
    ...(deadline && { until: deadline }),
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

/** Takes the variant that is the person's own. */
async function decideSplit(step: StepOf<'split'>, { person, keepChoice }: AtStep): Promise<Decision> {
  const taken = chooseVariant(step, person);
  const variant = step.variants[taken]?.name ?? '';
  await keepChoice({ split: step.id, variant });
  return { prepared: { type: 'split', taken }, details: { variant } };
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
