import { readCause } from '../db/journeys.ts';
import { sealed } from '../db/sealed.ts';
import { keepAnswer } from '../domain/campaign/answers.ts';
import type { CompiledWebhook } from '../domain/campaign/compiled-webhook.ts';
import { parseAnswer, type Answer } from '../domain/journey/map-answer.ts';
import type { ClaimedAttempt, SendDependencies } from './claim-attempt.ts';
import type { Exchange } from './http.ts';

export const readAnswer = (exchange: Exchange): Answer => parseAnswer(exchange.body.toString('utf8'));

/** The parts of the answer that later steps of the journey name, sealed; null where none does. */
export async function keptAnswer(
  dependencies: Pick<SendDependencies, 'db' | 'cipher' | 'campaigns'>,
  claimed: ClaimedAttempt,
  exchange: Exchange,
  { value }: Answer,
): Promise<Buffer | null> {
  const fields = await fieldsRead(dependencies, claimed);
  if (!fields || exchange.status === null) return null;
  const kept = keepAnswer(fields, exchange.status, value);
  return dependencies.cipher.seal(JSON.stringify(kept), sealed.answer.rowOf(claimed.delivery.id));
}

/** A draft that was rendered again may have another version than its journey, whose steps read the answer. */
async function fieldsRead(
  { db, campaigns }: Pick<SendDependencies, 'db' | 'campaigns'>,
  { webhook, delivery: { revision, journeyId, stepId } }: ClaimedAttempt,
): Promise<CompiledWebhook['answerFields']> {
  if (revision === 1 || journeyId === null || stepId === null) return webhook.answerFields;
  const cause = await readCause(db, journeyId);
  if (!cause) return webhook.answerFields;
  return (await campaigns(db, cause.journey.campaignId, cause.journey.version)).webhook(stepId).answerFields;
}
