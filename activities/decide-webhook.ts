import { insertDelivery, type NewDelivery } from '../db/deliveries.ts';
import { newId } from '../db/id.ts';
import { HooklineError } from '../domain/errors.ts';
import { redactRequest } from '../domain/request/redact.ts';
import type { Scope } from '../domain/scope.ts';
import type { StepOf } from '../domain/campaign/steps.ts';
import { sealRequest } from './frozen-request.ts';
import type { Decision, PrepareContext } from './decision.ts';
import { shownError } from './shown-error.ts';

/**
 * Renders the request once and freezes its bytes as a delivery. One that does not render is a failed delivery,
 * and the journey goes on or ends as `onFailure` says.
 */
export async function decideWebhook(context: PrepareContext, step: StepOf<'webhook'>, scope: Scope): Promise<Decision> {
  const id = newId('dlv');
  const { journey } = context.at;
  const { label, ...rendered } = renderStep(context, step, { ...scope, delivery: { id } }, id);
  await insertDelivery(context.tx, {
    ...rendered,
    id,
    personKey: journey.personKey,
    journeyId: journey.id,
    campaignId: journey.campaignId,
    version: journey.version,
    stepId: step.id,
  });
  const { state, error } = rendered;
  const details = { delivery: id, state, ...(error && { error }) };
  if (state === 'failed' && step.onFailure === 'exit') {
    return { prepared: { type: 'ended', reason: `webhook ${step.id} failed` }, details };
  }
  return { prepared: { type: 'webhook', delivery: id, label, send: state === 'queued' }, details };
}

type Rendered = Pick<
  NewDelivery,
  'state' | 'destination' | 'host' | 'frozen' | 'request' | 'missing' | 'mapping' | 'error'
> & {
  /** For the Temporal UI: method and destination, nothing personal. */
  label: string;
};

function renderStep({ cipher, compiled }: PrepareContext, step: StepOf<'webhook'>, scope: Scope, id: string): Rendered {
  const skipped = step.send === 'never';
  const secrets = Object.values(scope.secrets);
  try {
    const { missing, ...request } = compiled.request(step.id).render(scope);
    const shown = redactRequest(request, secrets);
    const { origin, hostname } = new URL(request.url);
    const isOriginShown = shown.url.startsWith(origin);
    const mapped = compiled.mapping(step.id) !== null && !skipped;
    return {
      state: skipped ? 'skipped' : 'queued',
      destination: origin,
      host: isOriginShown ? hostname : null,
      frozen: sealRequest(cipher, id, { ...request, secrets }),
      request: shown,
      missing,
      mapping: { state: mapped ? 'pending' : 'none', attributes: {}, error: null },
      label: `${request.method} ${isOriginShown ? origin : '***'}`,
    };
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return {
      state: 'failed',
      missing: [],
      mapping: { state: 'none', attributes: {}, error: null },
      error: shownError(error, secrets),
      label: step.id,
    };
  }
}
