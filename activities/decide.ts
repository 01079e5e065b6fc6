import { changeAttributes } from '../db/people.ts';
import { evaluateCondition } from '../domain/condition/condition.ts';
import { parseDurationMs } from '../domain/input/duration.ts';
import { HooklineError } from '../domain/errors.ts';
import type { Json } from '../domain/json.ts';
import { evaluateMapping } from '../domain/request/mapping.ts';
import { redactJson } from '../domain/request/redact.ts';
import type { Scope } from '../domain/scope.ts';
import type { StepOf } from '../domain/campaign/steps.ts';
import type { Decision, PrepareContext } from './decision.ts';
import { shownError } from './shown-error.ts';

/** The deadline is stored before the workflow sleeps: a repeat sleeps until the same moment. */
export function decideDelay({ now }: PrepareContext, step: StepOf<'delay'>): Decision {
  const until = new Date(now.getTime() + parseDurationMs(step.for));
  return { prepared: { type: 'delay', until: until.toISOString() }, details: { until: until.toISOString() }, until };
}

/** Takes the first case that holds, and keeps the values that were seen. */
export function decideBranch({ now }: PrepareContext, step: StepOf<'branch'>, scope: Scope): Decision {
  const evaluated: Json[] = [];
  const secrets = Object.values(scope.secrets);
  for (const [taken, { when }] of step.cases.entries()) {
    const { holds, values } = evaluateCondition(when, scope, now);
    // An answer may echo a secret that its request had.
    evaluated.push({ holds, values: redactJson(values, secrets) });
    if (holds) return { prepared: { type: 'branch', taken }, details: { taken, evaluated } };
  }
  return { prepared: { type: 'branch', taken: null }, details: { taken: null, evaluated } };
}

/** Sets attributes from templates; what fails to render or is too large changes nothing, and the journey goes on. */
export async function decideUpdate(
  { tx, at, compiled }: PrepareContext,
  step: StepOf<'update'>,
  scope: Scope,
): Promise<Decision> {
  const prepared = { type: 'update' } as const;
  const mapping = compiled.mapping(step.id);
  if (!mapping) return { prepared, details: {} };
  try {
    const { changes, absent } = evaluateMapping(mapping, scope);
    await changeAttributes(tx, at.person, changes, { type: 'update', journey: at.journey.id, step: step.id });
    return { prepared, details: { attributes: changes, ...(absent.length > 0 && { absent }) } };
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return { prepared, details: { error: shownError(error, Object.values(scope.secrets)) } };
  }
}

export function decideExit(step: StepOf<'exit'>): Decision {
  const reason = step.reason ?? 'exit step';
  return { prepared: { type: 'ended', reason }, details: { reason } };
}
