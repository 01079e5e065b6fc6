import type { SigningProfile } from '../delivery/signature.ts';
import { rateIntervalMs } from '../delivery/rate-limit.ts';
import { parseDurationMs } from '../input/duration.ts';
import type { Sent } from '../walk.ts';
import type { Webhook, WebhookDefaults } from './webhook.ts';

/** How a webhook is sent, with every default in place. Times in milliseconds; `times` counts retries after the first attempt. */
export type SendPolicy = {
  timeoutMs: number;
  times: number;
  withinMs: number;
  signing: SigningProfile;
  onFailure: 'continue' | 'exit';
  /** Between two requests of the webhook to one destination; null where they are not limited. */
  rateIntervalMs: number | null;
};

const DEFAULTS = { timeout: '4s', times: 10, within: '6h', signing: 'standard' } as const;

/** A webhook's own values win over its campaign's defaults, these over Hookline's. */
export function sendPolicy(webhook: Webhook, defaults: WebhookDefaults = {}): SendPolicy {
  return {
    timeoutMs: parseDurationMs(webhook.timeout ?? defaults.timeout ?? DEFAULTS.timeout),
    times: webhook.retry?.times ?? defaults.retry?.times ?? DEFAULTS.times,
    withinMs: parseDurationMs(webhook.retry?.within ?? defaults.retry?.within ?? DEFAULTS.within),
    signing: webhook.signing ?? defaults.signing ?? DEFAULTS.signing,
    onFailure: webhook.onFailure ?? 'continue',
    rateIntervalMs: webhook.rateLimit === undefined ? null : rateIntervalMs(webhook.rateLimit),
  };
}

/** What the walk is told of a delivery that is settled. */
export const settled = (state: Sent['state'], { id, policy }: { id: string; policy: SendPolicy }): Sent => ({
  state,
  exit: state === 'failed' && policy.onFailure === 'exit',
  detail: `webhook ${id} ${state}`,
});
