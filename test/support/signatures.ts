import { createHmac } from 'node:crypto';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import type { ReceivedRequest } from './receiver.ts';

/**
 * Whether a receiver that has this secret takes the request as genuine, by the library of Standard Webhooks. It refuses timestamps
 * that are more than five minutes away from the real time. A secret without `whsec_` is its own bytes.
 */
export function verifies(request: ReceivedRequest | undefined, secret: string): boolean {
  if (!request) throw new Error('there was no such request');
  const webhook = secret.startsWith('whsec_') ? new Webhook(secret) : new Webhook(secret, { format: 'raw' });
  try {
    webhook.verify(request.body, request.headers, { jsonParse: false });
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError && error.message === 'No matching signature found') return false;
    throw error;
  }
}

/** The same by the signature of Customer.io, as its documentation describes it. */
export function verifiesCustomerio(request: ReceivedRequest | undefined, secret: string): boolean {
  if (!request) throw new Error('there was no such request');
  const hmac = createHmac('sha256', secret).update(`v0:${request.headers['x-cio-timestamp']}:`).update(request.body);
  return request.headers['x-cio-signature'] === hmac.digest('hex');
}
