import { storableText } from '../json.ts';
import { redactText } from './redact.ts';

/** Why something failed, as operators may see it. */
export type ShownError = { code: string; message: string };

/** An error as it may be stored and shown: without secrets, and without what Postgres cannot hold. */
export const shownError = ({ code, message }: ShownError, secrets: readonly string[]): ShownError => ({
  code,
  message: storableText(redactText(message, secrets)),
});
