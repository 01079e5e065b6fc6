import { secretlessIn, withEdits, type Edited } from '../campaign/edit-webhook.ts';
import { invalidWebhook } from '../campaign/validate-webhook.ts';
import type { Webhook, WebhookDefaults } from '../campaign/webhook.ts';
import type { DestinationRules } from '../delivery/address.ts';
import { HooklineError } from '../errors.ts';
import { problemsOf } from '../request/preview.ts';
import { startRendering } from '../request/rendering.ts';
import { compileRequest, type CompiledRequest, type RenderedRequest } from '../request/request.ts';
import { compileUrl } from '../request/url-template.ts';
import type { Scope } from '../scope.ts';
import { freeze, type FrozenParts } from './render-delivery.ts';

export type DraftSource = { step: Webhook; edited: Edited | null; defaults: WebhookDefaults | undefined };

/**
 * Renders the request of a draft anew. Throws the first problem, with all of them and their places, where it does not render or may
 * not be sent; and `webhooks.invalid` where it would carry secrets to a destination that is not the step's own.
 */
export function renderDraft(source: DraftSource, scope: Scope, rules: DestinationRules): FrozenParts {
  const secrets = Object.values(scope.secrets);
  const { step, edited, defaults } = source;
  const compiled = compileRequest(withEdits(step, edited), defaults);
  const inspection = compiled.inspect(scope, edited ? secretlessIn(edited) : undefined);
  const problems = problemsOf(inspection, rules, secrets);
  const [first] = problems;
  if (first) {
    const errors = problems.map(({ path, message }) => ({ path: path ? `webhook.${path}` : 'webhook', message }));
    const code = inspection.problems[0]?.code ?? 'delivery.blocked';
    throw new HooklineError(code, `${errors[0]?.path}: ${first.message}`, { errors });
  }
  const { request } = inspection;
  if (!request) throw new Error('a draft did not render, without a problem');
  // Who may not read secrets does not choose where they go.
  if (
    edited?.secretless.includes('url') &&
    !isForOwn(step, scope, request) &&
    carriesSecrets(compiled, scope, request)
  ) {
    throw invalidWebhook([{ path: 'webhook.url', message: ELSEWHERE }]);
  }
  return freeze(request, secrets);
}

const ELSEWHERE =
  'the request carries secrets, which go to the destination that the version names only; ' +
  'keep its scheme, host and port, or send the URL, changed or not, with a key that has the scope admin';

/** Whether a request goes to the destination that the step itself names. */
function isForOwn(step: Webhook, scope: Scope, { url }: RenderedRequest): boolean {
  const rendering = startRendering(scope);
  const own = rendering.part(() => compileUrl(step.url, step.allowHosts ?? []).render(rendering));
  return own !== null && new URL(own.url).origin === new URL(url).origin;
}

/** Whether a request is another than without secrets, also without those that an answer echoed: it then holds something of them. */
function carriesSecrets(compiled: CompiledRequest, scope: Scope, { headers, body }: RenderedRequest): boolean {
  const { request } = compiled.inspect(scope, () => true);
  return JSON.stringify([request?.headers, request?.body]) !== JSON.stringify([headers, body]);
}
