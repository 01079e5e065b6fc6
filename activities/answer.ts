import type { Cipher } from '../db/cipher.ts';
import { keepAnswer } from '../domain/answers.ts';
import type { Json } from '../domain/json.ts';
import type { ClaimedAttempt } from './claim-attempt.ts';
import type { Exchange } from './http.ts';
import { answerRow } from './journey-scope.ts';

/** The body of an answer as `response`: its JSON, otherwise its text. */
export function readAnswer(exchange: Exchange): Json {
  const text = exchange.body.toString('utf8');
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** The parts of the answer that this version's later steps name, sealed; null where none does. */
export function keptAnswer(cipher: Cipher, claimed: ClaimedAttempt, exchange: Exchange, body: Json): Buffer | null {
  const fields = claimed.compiled.answers.get(claimed.delivery.stepId ?? '');
  if (!fields || exchange.status === null) return null;
  const kept = keepAnswer(fields, exchange.status, body);
  return cipher.seal(JSON.stringify(kept), answerRow(claimed.delivery.id));
}
