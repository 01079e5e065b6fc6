/** One fault in an input: `path` is where (`steps[1].cases[0].steps[2].for`), `message` what is wrong and what to write instead. */
export type InputFault = { path: string; message: string };

/** Every code that Hookline answers with. Stable: clients and operators match on them. */
export type ErrorCode =
  | 'auth.missing'
  | 'auth.invalid'
  | 'auth.scope'
  | 'auth.rate_limited'
  | 'body.malformed'
  | 'body.too_large'
  | 'body.unsupported_type'
  | 'input.invalid'
  | 'route.not_found'
  | 'people.not_found'
  | 'people.too_large'
  | 'events.not_found'
  | 'events.too_large'
  | 'campaigns.not_found'
  | 'campaigns.invalid'
  | 'campaigns.state'
  | 'segments.invalid'
  | 'segments.not_found'
  | 'segments.in_use'
  | 'webhooks.invalid'
  | 'webhooks.not_found'
  | 'webhooks.in_use'
  | 'broadcasts.not_found'
  | 'broadcasts.state'
  | 'journeys.not_found'
  | 'deliveries.not_found'
  | 'deliveries.not_drafted'
  | 'deliveries.expired'
  | 'deliveries.revision'
  | 'deliveries.step_gone'
  | 'deliveries.not_settled'
  | 'deliveries.not_rendered'
  | 'deliveries.under_way'
  | 'deliveries.too_many'
  | 'deliveries.other_count'
  | 'jobs.not_found'
  | 'journeys.ended'
  | 'idempotency.mismatch'
  | 'idempotency.in_progress'
  | 'render.template'
  | 'render.invalid_json'
  | 'render.invalid_url'
  | 'render.invalid_header'
  | 'render.missing_variable'
  | 'render.too_large'
  | 'delivery.blocked'
  | 'delivery.host_not_allowed'
  | 'mapping.failed'
  | 'mapping.too_large'
  | 'config.invalid'
  | 'embedded.failed'
  | 'keys.not_found'
  | 'keys.name_taken'
  | 'secrets.not_found'
  | 'secrets.wrong_key'
  | 'signing.too_many_keys'
  | 'worker.unavailable'
  | 'internal.unavailable'
  | 'internal.error';

/** The one error type: a stable `code`, a text that says what is wrong and what to do, and, for input, every fault with its place. */
export class HooklineError extends Error {
  override readonly name = 'HooklineError';
  readonly code: ErrorCode;
  readonly errors: InputFault[];

  constructor(code: ErrorCode, message: string, options: { errors?: InputFault[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors ?? [];
  }
}
