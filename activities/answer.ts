import type { Cipher } from '../db/cipher.ts';
import { sealed } from '../db/sealed.ts';
import { keepAnswer } from '../domain/campaign/answers.ts';
import { parseAnswer, type Answer } from '../domain/journey/map-answer.ts';
import type { ClaimedAttempt } from './claim-attempt.ts';
import type { Exchange } from './http.ts';

export const readAnswer = (exchange: Exchange): Answer => parseAnswer(exchange.body.toString('utf8'));

/** The parts of the answer that this version's later steps name, sealed; null where none does. */
export function keptAnswer(
  cipher: Cipher,
  claimed: ClaimedAttempt,
  exchange: Exchange,
  { value }: Answer,
): Buffer | null {
  const { answerFields: fields } = claimed.webhook;
  if (!fields || exchange.status === null) return null;
  const kept = keepAnswer(fields, exchange.status, value);
  return cipher.seal(JSON.stringify(kept), sealed.answer.rowOf(claimed.delivery.id));
}
