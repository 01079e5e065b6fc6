import { readJourneyInput } from '../db/journey-scope.ts';
import { readCause } from '../db/journeys.ts';
import type { PersonRow } from '../db/people.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { HooklineError } from '../domain/errors.ts';
import { mapAnswer, type Answer, type MappingResult } from '../domain/journey/map-answer.ts';
import type { ClaimedAttempt, SendDependencies } from './claim-attempt.ts';
import type { Exchange } from './http.ts';
import { attributesOf } from './set-attributes.ts';

/**
 * Writes parts of the answer to the person, who is locked: two mappings at once both count. Whatever fails does not undo that
 * it was sent.
 */
export function applyMapping(
  { db: tx, cipher, now }: SendDependencies,
  { compiled, delivery, request }: ClaimedAttempt,
  person: PersonRow,
  { status, headers, bodyError }: Exchange,
  answer: Answer,
): Promise<MappingResult> {
  const scope = async () => {
    const cause = await readCause(tx, delivery.journeyId ?? '');
    if (!cause) throw new HooklineError('mapping.failed', 'The journey is gone.');
    // The secrets that the request used, also where they were changed since: no attribute may hold one.
    const secrets = Object.fromEntries(request.secrets.entries());
    const input = await readJourneyInput({ tx, cipher, compiled, now: now(), at: { ...cause, person } });
    return campaignScope(compiled.campaign, { ...input, delivery: { id: delivery.id }, secrets });
  };
  return mapAnswer(
    compiled.mapping(delivery.stepId ?? ''),
    { status, headers, answer, bodyError, scope, secrets: request.secrets },
    attributesOf(tx, person, { type: 'mapping', delivery: delivery.id }),
  );
}
