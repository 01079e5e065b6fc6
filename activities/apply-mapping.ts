import type { PersonRow } from '../db/people.ts';
import { mapAnswer, type Answer, type MappingResult } from '../domain/journey/map-answer.ts';
import type { ClaimedAttempt, SendDependencies } from './claim-attempt.ts';
import type { Exchange } from './http.ts';
import { mappingScope } from './mapping-scope.ts';
import { attributesOf, type Left } from './set-attributes.ts';

/**
 * Writes parts of the answer to the person, who is locked: two mappings at once both count. Whatever fails does not undo that
 * it was sent.
 */
export function applyMapping(
  dependencies: SendDependencies,
  claimed: ClaimedAttempt,
  person: PersonRow,
  { status, headers, bodyError }: Exchange,
  answer: Answer,
  left: Left,
): Promise<MappingResult> {
  const { webhook, delivery, request } = claimed;
  const scope = () => mappingScope(dependencies, claimed, person);
  return mapAnswer(
    webhook.mapping(),
    { status, headers, answer, bodyError, scope, secrets: request.secrets },
    attributesOf(
      dependencies.db,
      person,
      { type: 'mapping', delivery: delivery.id },
      { journey: delivery.journeyId, left },
    ),
  );
}
