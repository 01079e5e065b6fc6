import { type ErrorCode, HooklineError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Scope } from '../scope.ts';
import { redactJson } from './redact.ts';
import { type CompiledTemplate, createLimits, renderText, renderValue } from '../template.ts';

/** One rendering of many templates: they share a budget, and what they miss and what is wrong with them is collected. */
export type Rendering = {
  missing: Set<string>;
  /** In the order of the parts; each has its place as `errors[0].path`. */
  problems: HooklineError[];
  /** Renders a part of the request for itself: null, with one more problem, where that fails. */
  part<T>(render: () => T): T | null;
  /** @param place for the message of an error: `headers.X-Team`. */
  text(template: CompiledTemplate, place: string): string;
  value(template: CompiledTemplate, place: string): Json;
};

/** Whether what stands at a place (`headers.X-Team`) was written by somebody who may not read secrets. */
export type Secretless = (place: string) => boolean;

export function startRendering(scope: Scope, isSecretless: Secretless = () => false): Rendering {
  const scopeAt = (place: string) => (isSecretless(place) ? withoutSecrets(scope) : scope);
  const limits = createLimits();
  const missing = new Set<string>();
  const problems: HooklineError[] = [];
  return {
    missing,
    problems,
    part(render) {
      try {
        return render();
      } catch (error) {
        if (!(error instanceof HooklineError)) throw error;
        problems.push(error);
        return null;
      }
    },
    text: (template, place) => at(place, () => renderText(template, scopeAt(place), limits, missing)).text,
    value: (template, place) => at(place, () => renderValue(template, scopeAt(place), limits, missing)).value,
  };
}

/** No secrets, and none in what receivers have answered: a template could take one apart, so that no search would find it. */
function withoutSecrets(scope: Scope): Scope {
  const { secrets, responses } = scope;
  return { ...scope, secrets: {}, ...(responses && { responses: redactJson(responses, Object.values(secrets)) }) };
}

/** What is wrong at a place of the webhook, which stands in front of the message. */
export const failedAt = (code: ErrorCode, place: string, message: string, cause?: unknown): HooklineError =>
  new HooklineError(code, `${place}: ${message}`, { errors: [{ path: place, message }], cause });

/** Runs what may fail, with its place in front of the message. */
function at<T>(place: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    throw failedAt(error.code, place, error.message, error);
  }
}
