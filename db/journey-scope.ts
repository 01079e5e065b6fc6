import type { KeptAnswer } from '../domain/campaign/answers.ts';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import type { ScopeInput } from '../domain/scope.ts';
import type { Cipher } from './cipher.ts';
import { listAnswers } from './deliveries.ts';
import type { JourneyCause } from './journeys.ts';
import type { Db } from './open.ts';
import { sealed } from './sealed.ts';
import { readSecrets } from './secrets.ts';
import { listAwaitedEvents } from './waits.ts';

/** Whose journey it is and what began it, with its compiled campaign. */
export type ScopeContext = { tx: Db; cipher: Cipher; at: JourneyCause; compiled: CompiledCampaign; now: Date };

/**
 * What templates and conditions of a journey see, for `campaignScope`; the secrets are the caller's business. Earlier answers and
 * events are read only where the campaign names them.
 */
export async function readJourneyInput(context: ScopeContext): Promise<Omit<ScopeInput, 'secrets' | 'delivery'>> {
  const { at, compiled, now } = context;
  return {
    person: { id: at.person.id, attributes: at.person.attributes },
    event: at.event,
    trigger: at.broadcast?.data ?? null,
    journey: { id: at.journey.id },
    events: compiled.namesEvents ? await listAwaitedEvents(context.tx, at.journey.id) : {},
    responses: compiled.namesAnswers ? await readAnswers(context) : {},
    now,
  };
}

/**
 * The secrets that a campaign's templates may use, or an answer that they read may echo: all where they name `secrets` or an answer at
 * all, since the name may be computed, and a draft is edited, or rendered again from a version that has secrets.
 */
export const usableSecrets = async ({ tx, cipher, compiled }: ScopeContext): Promise<Record<string, string>> =>
  compiled.namesSecrets || compiled.namesAnswers ? readSecrets(tx, cipher) : {};

async function readAnswers({ tx, cipher, at }: ScopeContext): Promise<Record<string, KeptAnswer>> {
  const rows = await listAnswers(tx, at.journey.id);
  return Object.fromEntries(
    rows.flatMap(({ id, stepId, answer }) =>
      stepId && answer ? [[stepId, JSON.parse(cipher.open(answer, sealed.answer.rowOf(id))) as KeptAnswer]] : [],
    ),
  );
}
