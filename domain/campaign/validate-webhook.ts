import type { DestinationRules } from '../delivery/address.ts';
import { HooklineError, type InputFault } from '../errors.ts';
import { inspect, placeOf, summary } from '../input/faults.ts';
import { without } from '../input/without.ts';
import { webhookFaults } from '../request/request-faults.ts';
import { templateFaults, templateVariables } from '../template.ts';
import { webhookSchema, type Webhook, type WebhookDefaults } from './webhook.ts';

/**
 * Validates a webhook that stands alone, at `path` of the input. Throws `webhooks.invalid` with every fault in one pass, also of
 * literal URLs that the rules do not allow.
 */
export function validateWebhook(input: unknown, path: string, rules: DestinationRules): Webhook {
  const { valid, errors } = inspectWebhook(input, path, rules);
  if (valid && errors.length === 0) return valid;
  throw invalidWebhook(errors);
}

export const invalidWebhook = (errors: InputFault[]) =>
  new HooklineError('webhooks.invalid', summary('the webhook', errors), { errors });

/** `valid` is there where the schema finds nothing, `rest` is what is left without what it finds. */
export function inspectWebhook(
  input: unknown,
  path: string,
  rules: DestinationRules,
  defaults?: WebhookDefaults,
): { valid: Webhook | null; rest: Webhook | undefined; errors: InputFault[] } {
  const result = inspect(webhookSchema, input);
  const misfits = result.success ? [] : result.faults;
  const rest = result.success ? result.data : partOf(without(input, misfits));
  const errors = [
    ...misfits.map(({ at, message }) => ({ path: placeOf(at, path), message })),
    ...(rest ? webhookFaults(rest, path, defaults, rules) : []),
  ];
  return { valid: result.success ? result.data : null, rest, errors };
}

/** What no template finds where there is no campaign and no journey. */
const OF_JOURNEYS = /^(?:event|parameter|event_name|event_timestamp|event_id|events|responses|campaign|journey)$/;

/** What a valid webhook reads and never finds when it is sent on its own. */
export const warningsOfLone = (webhook: Webhook): string[] => warnings(webhook, []);

function warnings(value: unknown, at: PropertyKey[]): string[] {
  if (typeof value === 'string') {
    if (templateFaults(value).length > 0) return [];
    return templateVariables(value)
      .filter(({ path: [root = ''] }) => OF_JOURNEYS.test(root))
      .map(
        ({ path }) => `${placeOf(at)}: ${placeOf(path)} is always missing, as the webhook is sent without a campaign`,
      );
  }
  if (typeof value !== 'object' || value === null) return [];
  const inner: [PropertyKey, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return inner.flatMap(([key, item]) => warnings(item, [...at, key]));
}

/** What is left without its faults; a URL stands in for a missing one, which the schema has reported. */
function partOf(rest: unknown): Webhook | undefined {
  if (typeof rest !== 'object' || rest === null) return undefined;
  return webhookSchema.safeParse({ url: 'https://example.com', ...rest }).data;
}
