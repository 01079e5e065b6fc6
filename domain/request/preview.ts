import { blocked, judgeUrl, type DestinationRules } from '../delivery/address.ts';
import type { HooklineError } from '../errors.ts';
import type { Scope } from '../scope.ts';
import { redactRequest, redactText } from './redact.ts';
import type { CompiledRequest, Inspection, RenderedRequest } from './request.ts';
import { shownError, type ShownError } from './shown-error.ts';

/** A fault of a rendered request; `path` is its place in the webhook. */
export type Problem = ShownError & { path?: string };

/** A request as operators may see it, or null where it does not render; `missing` printed nothing. */
export type Preview = { request: Omit<RenderedRequest, 'missing'> | null; missing: string[]; problems: Problem[] };

const MAX_PROBLEMS = 50;

/** Renders a request that is not sent, with everything that would keep it from being sent as far as that shows here. */
export function previewRequest(compiled: CompiledRequest, scope: Scope, rules: DestinationRules): Preview {
  const secrets = Object.values(scope.secrets);
  const inspection = compiled.inspect(scope);
  const { request, missing } = inspection;
  return {
    request: request && redactRequest(request, secrets),
    missing: missing.map((name) => redactText(name, secrets)),
    problems: problemsOf(inspection, rules, secrets),
  };
}

/** What would keep a request from being sent, as far as that shows before its host is looked up. */
export const problemsOf = (
  { request, problems }: Inspection,
  rules: DestinationRules,
  secrets: readonly string[],
): Problem[] =>
  [
    ...problems.map((error) => problemOf(error, secrets)),
    ...(request ? blockedUrl(request.url, rules, secrets) : []),
  ].slice(0, MAX_PROBLEMS);

/** The message without the place, which stands in `path`. */
function problemOf({ code, message, errors: [fault] }: HooklineError, secrets: readonly string[]): Problem {
  const shown = shownError({ code, message: fault?.message ?? message }, secrets);
  return { ...shown, ...(fault && { path: fault.path }) };
}

function blockedUrl(text: string, rules: DestinationRules, secrets: readonly string[]): Problem[] {
  const url = new URL(text);
  const judged = judgeUrl(url, rules);
  return judged.allowed ? [] : [{ ...shownError(blocked(url, judged.reason), secrets), path: 'url' }];
}
