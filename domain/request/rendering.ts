import { type ErrorCode, HooklineError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Scope } from '../scope.ts';
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

export function startRendering(scope: Scope): Rendering {
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
    text: (template, place) => at(place, () => renderText(template, scope, limits, missing)).text,
    value: (template, place) => at(place, () => renderValue(template, scope, limits, missing)).value,
  };
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
