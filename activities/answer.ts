import { readCause } from '../db/journeys.ts';
import { sealed } from '../db/sealed.ts';
import { keepAnswer } from '../domain/campaign/answers.ts';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { parseAnswer, type Answer } from '../domain/journey/map-answer.ts';
import type { ClaimedAttempt, SendDependencies } from './claim-attempt.ts';
import type { Exchange } from './http.ts';

export const readAnswer = (exchange: Exchange): Answer => parseAnswer(exchange.body.toString('utf8'));

/** The parts of the answer that later steps of the journey name, sealed; null where none does. */
export async function keptAnswer(
  dependencies: Pick<SendDependencies, 'db' | 'cipher' | 'versions'>,
  claimed: ClaimedAttempt,
  exchange: Exchange,
  { value }: Answer,
): Promise<Buffer | null> {
  const fields = (await namedAnswers(dependencies, claimed)).get(claimed.delivery.stepId ?? '');
  if (!fields || exchange.status === null) return null;
  const kept = keepAnswer(fields, exchange.status, value);
  return dependencies.cipher.seal(JSON.stringify(kept), sealed.answer.rowOf(claimed.delivery.id));
}

/** A draft that was rendered again may have another version than its journey, whose steps read the answer. */
async function namedAnswers(
  { db, versions }: Pick<SendDependencies, 'db' | 'versions'>,
  { compiled, delivery }: ClaimedAttempt,
): Promise<CompiledCampaign['answers']> {
  if (delivery.revision === 1 || delivery.journeyId === null) return compiled.answers;
  const cause = await readCause(db, delivery.journeyId);
  if (!cause) return compiled.answers;
  return (await versions(db, cause.journey.campaignId, cause.journey.version)).answers;
}
