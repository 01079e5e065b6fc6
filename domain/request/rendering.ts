import { HooklineError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { Scope } from '../scope.ts';
import { type CompiledTemplate, createLimits, renderText, renderValue } from '../template.ts';

/** One rendering of many templates: they share a budget, and what they miss is collected. */
export type Rendering = {
  missing: Set<string>;
  /** @param place for the message of an error: `headers.X-Team`. */
  text(template: CompiledTemplate, place: string): string;
  value(template: CompiledTemplate, place: string): Json;
};

export function startRendering(scope: Scope): Rendering {
  const limits = createLimits();
  const missing = new Set<string>();
  const noted = <T extends { missing: string[] }>(place: string, render: () => T): T => {
    const rendered = at(place, render);
    for (const name of rendered.missing) missing.add(name);
    return rendered;
  };
  return {
    missing,
    text: (template, place) => noted(place, () => renderText(template, scope, limits)).text,
    value: (template, place) => noted(place, () => renderValue(template, scope, limits)).value,
  };
}

/** Runs what may fail, with its place in front of the message. */
function at<T>(place: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    throw new HooklineError(error.code, `${place}: ${error.message}`, { cause: error });
  }
}
