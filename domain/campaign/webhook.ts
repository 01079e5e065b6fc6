import { z } from 'zod';
import { rateLimitSchema } from '../delivery/rate-limit.ts';
import { SIGNING_PROFILES } from '../delivery/signature.ts';
import { durationSchema } from '../input/duration.ts';

/** A Liquid template. Its syntax is checked by `webhookFaults`, which knows line and column. */
const template = z.string();

const templates = z.record(z.string().min(1), template);

/** What an attribute is set to. */
export const attributeTemplate = z.string({
  error: ({ input }) =>
    typeof input === 'number' || typeof input === 'boolean' ? `must be a template; write "{{ ${input} }}"` : undefined,
});

/** How a request proves who sends it. Userinfo in the URL is a third way and becomes `basic`. */
const auth = z.union([
  z.strictObject({ basic: z.strictObject({ username: template, password: template }) }),
  z.strictObject({ bearer: template }),
]);

/** Exactly one kind of body; a plain string is short for `text`. */
const body = z.union([
  template,
  z.strictObject({ json: z.json() }),
  z.strictObject({ form: templates }),
  z.strictObject({ data: templates }),
  z.strictObject({ text: template }),
]);

/** What the request looks like: every string is a Liquid template, `url` and `headers` included. */
const requestFields = {
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).optional(),
  url: template.min(1),
  auth: auth.optional(),
  headers: templates.optional(),
  body: body.optional(),
};

const retry = z.strictObject({
  /** Retries after the first attempt. */
  times: z.int().min(0).max(50).optional(),
  /** The hard end, counted from the first attempt. */
  within: durationSchema({ min: '1s', max: '7d' }).optional(),
});

/** How the request is sent; a campaign's `defaults` give these for each of its webhooks. */
const sendingFields = {
  timeout: durationSchema({ min: '1s', max: '60s' }).optional(),
  retry: retry.optional(),
  signing: z.enum(SIGNING_PROFILES).optional(),
};

/** An HTTP request as a template, with how it is sent and what its answer sets on the person. */
export const webhookFields = {
  ...requestFields,
  ...sendingFields,
  send: z.enum(['automatically', 'draft', 'never']).optional(),
  /** How long a draft waits for a decision; absent: for ever. */
  draftExpiry: durationSchema({ min: '1s', max: '365d' }).optional(),
  rateLimit: rateLimitSchema.optional(),
  allowHosts: z.array(z.string().min(1)).max(100).optional(),
  response: z.strictObject({ attributes: z.record(z.string().min(1), attributeTemplate) }).optional(),
  onFailure: z.enum(['continue', 'exit']).optional(),
  /** Whether a conversion of the campaign may be credited to it. */
  trackConversions: z.boolean().optional(),
};

export const webhookSchema = z.strictObject(webhookFields).meta({ id: 'WebhookDefinition' });
export type Webhook = z.infer<typeof webhookSchema>;

/** The part of a webhook that says what is sent, which an operator may edit in a draft. */
export type RequestFields = Pick<Webhook, keyof typeof requestFields>;
export const REQUEST_FIELDS = ['method', 'url', 'auth', 'headers', 'body'] as const satisfies (keyof RequestFields)[];

/** Defaults of a campaign for each of its webhooks; a webhook's own value wins, headers merge by name. */
export const webhookDefaultsSchema = z.strictObject({
  ...sendingFields,
  auth: requestFields.auth,
  headers: requestFields.headers,
});
export type WebhookDefaults = z.infer<typeof webhookDefaultsSchema>;
