import type { StoredError } from '../db/schema/deliveries.ts';
import { storableText } from '../domain/json.ts';
import { redactText } from '../domain/request/redact.ts';

/** An error as it may be stored and shown: without secrets, and without what Postgres cannot hold. */
export const shownError = ({ code, message }: StoredError, secrets: readonly string[]): StoredError => ({
  code,
  message: storableText(redactText(message, secrets)),
});
