import { readJourneyInput } from '../db/journey-scope.ts';
import { readCause } from '../db/journeys.ts';
import type { PersonRow } from '../db/people.ts';
import { readSendData } from '../db/sends.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { HooklineError } from '../domain/errors.ts';
import { buildScope, type Scope } from '../domain/scope.ts';
import type { ClaimedAttempt, SendDependencies } from './claim-attempt.ts';

/** What a mapping sees beside the answer: what the request's templates saw, with the person as of now. */
export async function mappingScope(
  { db: tx, cipher, now: clock, campaigns }: SendDependencies,
  { delivery: { id, sendId, journeyId, campaignId, version }, request }: ClaimedAttempt,
  person: PersonRow,
): Promise<Scope> {
  // The secrets that the request used, also where they were changed since: no attribute may hold one.
  const own = { delivery: { id }, secrets: Object.fromEntries(request.secrets.entries()) };
  const now = clock();
  if (sendId !== null) return buildScope({ ...own, person, trigger: await readSendData(tx, sendId), now });
  const cause = await readCause(tx, journeyId ?? '');
  if (!cause) throw new HooklineError('mapping.failed', 'The journey is gone.');
  const compiled = await campaigns(tx, campaignId ?? '', version ?? 0);
  const input = await readJourneyInput({ tx, cipher, compiled, now, at: { ...cause, person } });
  return campaignScope(compiled.campaign, { ...input, ...own });
}
