import type { Cipher } from '../db/cipher.ts';
import { sealed } from '../db/sealed.ts';
import { keepAnswer } from '../domain/campaign/answers.ts';
import type { Json } from '../domain/json.ts';
import type { ClaimedAttempt } from './claim-attempt.ts';
import type { Exchange } from './http.ts';

export type Answer = { value: Json; isJson: boolean };

/** The body of an answer as `response`: its JSON, otherwise its text. */
export function readAnswer(exchange: Exchange): Answer {
  const text = exchange.body.toString('utf8');
  try {
    return { value: JSON.parse(text) as Json, isJson: true };
  } catch {
    return { value: text, isJson: false };
  }
}

/** The parts of the answer that this version's later steps name, sealed; null where none does. */
export function keptAnswer(
  cipher: Cipher,
  claimed: ClaimedAttempt,
  exchange: Exchange,
  { value }: Answer,
): Buffer | null {
  const fields = claimed.compiled.answers.get(claimed.delivery.stepId ?? '');
  if (!fields || exchange.status === null) return null;
  const kept = keepAnswer(fields, exchange.status, value);
  return cipher.seal(JSON.stringify(kept), sealed.answer.rowOf(claimed.delivery.id));
}
