import { createHmac } from 'node:crypto';

/** How requests are signed: as Standard Webhooks say, as Customer.io does, or not at all. */
export const SIGNING_PROFILES = ['standard', 'customerio', 'none'] as const;
export type SigningProfile = (typeof SIGNING_PROFILES)[number];

export type Signable = {
  profile: SigningProfile;
  /** Secrets of the active keys, newest first: at least one. */
  keys: readonly string[];
  deliveryId: string;
  /** When this attempt is made, in unix seconds. */
  timestamp: number;
  /** What is sent, as it is sent (UTF-8); null signs the empty text. */
  body: string | null;
};

/**
 * The headers that prove who sends a request. `standard`: Standard Webhooks 1.0.0, a signature of each active key. `customerio`
 * has room for one signature: that of the oldest active key, so that a rotation leaves receivers the overlap to change theirs.
 */
export function signatureHeaders({ profile, keys, deliveryId, timestamp, body }: Signable): [string, string][] {
  if (profile === 'none') return [];
  const oldest = keys.at(-1);
  if (oldest === undefined) throw new Error('there is no active signing key');
  const at = String(timestamp);
  if (profile === 'customerio') {
    return [
      ['X-CIO-Timestamp', at],
      ['X-CIO-Signature', hmac(oldest, `v0:${at}:${body ?? ''}`).toString('hex')],
      ['X-CIO-Idempotency-Key', deliveryId],
    ];
  }
  const signed = `${deliveryId}.${at}.${body ?? ''}`;
  const signatures = keys.map((secret) => `v1,${hmac(standardKey(secret), signed).toString('base64')}`);
  return [
    ['webhook-id', deliveryId],
    ['webhook-timestamp', at],
    ['webhook-signature', signatures.join(' ')],
  ];
}

/** What is wrong with a secret that is to be imported, or null. `whsec_` has 24 to 64 bytes in base64 behind it (Standard Webhooks). */
export function signingSecretFault(secret: string): string | null {
  if (!secret.startsWith(PREFIX)) {
    return secret.length < MIN_LENGTH ? `write whsec_ and 24 to 64 bytes in base64, or ${MIN_LENGTH} characters` : null;
  }
  const text = secret.slice(PREFIX.length);
  const bytes = Buffer.from(text, 'base64');
  const isBase64 = bytes.toString('base64') === text || bytes.toString('base64').replace(/=+$/, '') === text;
  return isBase64 && bytes.length >= 24 && bytes.length <= 64 ? null : 'write 24 to 64 bytes in base64 behind whsec_';
}

const PREFIX = 'whsec_';
const MIN_LENGTH = 16;

/** An imported text of another form is its own UTF-8 bytes. */
const standardKey = (secret: string): string | Buffer =>
  secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), 'base64') : secret;

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text, 'utf8').digest();
