import type { CompiledWebhook } from '../campaign/compiled-webhook.ts';
import type { Webhook } from '../campaign/webhook.ts';
import { HooklineError } from '../errors.ts';
import { parseDurationMs } from '../input/duration.ts';
import { storableText } from '../json.ts';
import { redactRequest, redactText } from '../request/redact.ts';
import type { RenderedRequest } from '../request/request.ts';
import { shownError, type ShownError } from '../request/shown-error.ts';
import type { Scope } from '../scope.ts';
import { UNMAPPED, type MappingResult } from './map-answer.ts';

/** What every attempt of a delivery sends, byte for byte, and the secrets that its log must not show. */
export type FrozenRequest = Omit<RenderedRequest, 'missing'> & { secrets: string[] };

/** The request as operators may see it: credentials and secrets are replaced. */
export type ShownRequest = { method: string; url: string; headers: [string, string][]; body: string | null };

/** A webhook's request for one person, or why there is none. */
export type RenderedDelivery = {
  id: string;
  /** The id of the step, or of the stored webhook. */
  webhook: string;
  state: 'queued' | 'drafted' | 'skipped' | 'failed';
  /** When a draft is decided by nobody any more. */
  expiresAt: Date | null;
  /** Of one attempt. */
  timeoutMs: number;
  /** Scheme, host and port. */
  destination: string | null;
  /** Its host, without the port; null where a secret has a part in it. */
  host: string | null;
  frozen: FrozenRequest | null;
  request: ShownRequest | null;
  missing: string[];
  mapping: MappingResult;
  error: ShownError | null;
  /** For the Temporal UI: method and destination, nothing personal. */
  label: string;
};

export type FrozenParts = Pick<RenderedDelivery, 'host' | 'missing'> & {
  destination: string;
  frozen: FrozenRequest;
  request: ShownRequest;
};

/** Renders a webhook once; what does not render is a failed delivery. */
export function renderDelivery(
  compiled: CompiledWebhook,
  scope: Scope,
  { id, now }: { id: string; now: Date },
): RenderedDelivery {
  const { webhook, policy } = compiled;
  const { timeoutMs } = policy;
  const skipped = webhook.send === 'never';
  const secrets = Object.values(scope.secrets);
  try {
    const frozen = freeze(compiled.request().render({ ...scope, delivery: { id } }), secrets);
    const mapped = compiled.mapping() !== null && !skipped;
    return {
      id,
      webhook: compiled.id,
      state: skipped ? 'skipped' : webhook.send === 'draft' ? 'drafted' : 'queued',
      expiresAt: draftExpiresAt(webhook, now),
      timeoutMs,
      ...frozen,
      mapping: mapped ? { ...UNMAPPED, state: 'pending' } : UNMAPPED,
      error: null,
      label: `${frozen.request.method} ${frozen.host === null ? '***' : frozen.destination}`,
    };
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return unrendered(compiled, { id, state: 'failed', error: shownError(error, secrets) });
  }
}

/**
 * A rendered request as a delivery keeps it: what is sent, what is shown, and where it goes. Templates may print NUL, or cut a
 * character in two: what is shown can be stored even so.
 */
export function freeze({ missing, ...request }: RenderedRequest, secrets: string[]): FrozenParts {
  const shown = redactRequest(request, secrets);
  const { origin, hostname } = new URL(request.url);
  return {
    destination: origin,
    host: shown.url.startsWith(origin) ? hostname : null,
    frozen: { ...request, secrets },
    request: { ...shown, body: shown.body === null ? null : storableText(shown.body) },
    // A name may be computed, from a secret too.
    missing: missing.map((name) => storableText(redactText(name, secrets))),
  };
}

/** Why nothing is sent to somebody. */
export const SUPPRESSED = {
  code: 'delivery.suppressed',
  message: 'The person is suppressed: nothing is sent to them.',
};

/** What becomes of a send to somebody who gets nothing: it is not rendered, and its row says why. */
export const suppressedDelivery = (compiled: CompiledWebhook, id: string): RenderedDelivery =>
  unrendered(compiled, { id, state: 'skipped', error: SUPPRESSED });

const unrendered = (
  { id: webhook, policy: { timeoutMs } }: CompiledWebhook,
  reason: Pick<RenderedDelivery, 'id' | 'state' | 'error'>,
): RenderedDelivery => ({
  ...reason,
  webhook,
  expiresAt: null,
  timeoutMs,
  destination: null,
  host: null,
  frozen: null,
  request: null,
  missing: [],
  mapping: UNMAPPED,
  label: webhook,
});

function draftExpiresAt({ send, draftExpiry }: Webhook, now: Date): Date | null {
  if (send !== 'draft' || draftExpiry === undefined) return null;
  return new Date(now.getTime() + parseDurationMs(draftExpiry));
}
