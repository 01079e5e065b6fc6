import { readCause } from '../db/journeys.ts';
import { changeAttributes, type PersonRow } from '../db/people.ts';
import type { MappingResult } from '../db/schema/deliveries.ts';
import { HooklineError } from '../domain/errors.ts';
import { evaluateMapping } from '../domain/request/mapping.ts';
import type { Answer } from './answer.ts';
import type { ClaimedAttempt, SendDependencies } from './claim-attempt.ts';
import type { Exchange } from './http.ts';
import { journeyScope } from './journey-scope.ts';
import { shownError } from './shown-error.ts';

/**
 * Writes parts of the answer to the person, who is locked: two mappings at once both count. Whatever fails changes nothing,
 * is kept with the delivery, and does not undo that it was sent.
 */
export async function applyMapping(
  { db: tx, cipher, now }: SendDependencies,
  claimed: ClaimedAttempt,
  person: PersonRow,
  exchange: Exchange,
  answer: Answer,
): Promise<MappingResult> {
  const { compiled, delivery, request } = claimed;
  const mapping = compiled.mapping(delivery.stepId ?? '');
  if (!mapping) return { state: 'none', attributes: {}, error: null };
  try {
    if (exchange.bodyError) throw mappingFailed(`The answer's body cannot be used: ${exchange.bodyError.message}`);
    const cause = await readCause(tx, delivery.journeyId ?? '');
    if (!cause) throw mappingFailed('The journey is gone.');
    // The secrets that the request used, also where they were changed since: no attribute may hold one.
    const secrets = Object.fromEntries(request.secrets.entries());
    const context = { tx, cipher, compiled, now: now(), at: { ...cause, person } };
    const scope = await journeyScope(context, { delivery: { id: delivery.id }, secrets });
    const http = { status: exchange.status, headers: Object.fromEntries(exchange.headers) };
    const { changes, absent, unanswered } = evaluateMapping(mapping, { ...scope, response: answer.value, http });
    if (unanswered.length > 0 && !answer.isJson) {
      throw mappingFailed(`The answer is no JSON, so that it has no field for ${unanswered.join(', ')}.`);
    }
    await changeAttributes(tx, person, changes, { type: 'mapping', delivery: delivery.id });
    return { state: 'applied', attributes: changes, absent, error: null };
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return { state: 'failed', attributes: {}, error: shownError(error, request.secrets) };
  }
}

const mappingFailed = (message: string) => new HooklineError('mapping.failed', message);
