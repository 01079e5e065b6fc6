import { compileMapping, type CompiledMapping } from '../request/mapping.ts';
import { compileRequest, type CompiledRequest } from '../request/request.ts';
import { sendPolicy, type SendPolicy } from './send-policy.ts';
import type { Webhook, WebhookDefaults } from './webhook.ts';

/** What a delivery is made of and sent by: a campaign's step, or a webhook that is stored on its own. Templates are parsed when first needed. */
export type CompiledWebhook = {
  /** Of the step, or of the stored webhook. */
  id: string;
  webhook: Webhook;
  policy: SendPolicy;
  /** The fields of its answer that later steps name, null for the whole; undefined where none does. */
  answerFields: Set<string | null> | undefined;
  request(): CompiledRequest;
  /** Null where its answer sets nothing. */
  mapping(): CompiledMapping | null;
};

export function compileWebhook(
  id: string,
  webhook: Webhook,
  {
    defaults,
    answerFields,
  }: { defaults?: WebhookDefaults | undefined; answerFields?: Set<string | null> | undefined } = {},
): CompiledWebhook {
  let request: CompiledRequest | undefined;
  let mapping: CompiledMapping | undefined;
  const attributes = webhook.response?.attributes;
  return {
    id,
    webhook,
    policy: sendPolicy(webhook, defaults),
    answerFields,
    request: () => (request ??= compileRequest(webhook, defaults)),
    mapping: () => (attributes ? (mapping ??= compileMapping(attributes)) : null),
  };
}
