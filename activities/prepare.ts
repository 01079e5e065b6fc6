import type { Cipher } from '../db/cipher.ts';
import { insertDelivery, lockDelivery } from '../db/deliveries.ts';
import { createFacts } from '../db/facts.ts';
import { renderedColumns } from '../db/frozen-request.ts';
import { newId } from '../db/id.ts';
import { lockJourneyAt, recordStep } from '../db/journeys.ts';
import type { Db } from '../db/open.ts';
import type { JourneyState } from '../db/schema/journeys.ts';
import type { VersionCache } from '../db/version-cache.ts';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { decide } from '../domain/journey/decide.ts';
import { DECISION, type AtStep } from '../domain/journey/decision.ts';
import type { RenderedDelivery } from '../domain/journey/render-delivery.ts';
import type { PlanStep, Prepared } from '../domain/walk.ts';
import { readJourneyInput, usableSecrets, type ScopeContext } from '../db/journey-scope.ts';
import { campaignScope } from '../domain/campaign/campaign-scope.ts';
import { attributesOf } from './set-attributes.ts';

export type PrepareInput = { journey: string; step: string; type: PlanStep['type'] };

type Dependencies = { db: Db; cipher: Cipher; now: () => Date; campaigns: VersionCache<CompiledCampaign> };

/**
 * Evaluates, renders and freezes what a step needs, in one transaction under the key (journey, step): a repeat answers what
 * was decided the first time. A journey whose person was erased is told to end.
 */
export function createPrepare({ db, cipher, now, campaigns }: Dependencies) {
  return ({ journey, step: id, type }: PrepareInput): Promise<Prepared> =>
    db.transaction(async (tx) => {
      const what = DECISION[type];
      const at = await lockJourneyAt(tx, { journey, step: id, decision: what }, { lockPerson: type === 'update' });
      if (!at) return { type: 'ended', reason: 'the person was erased' };
      if (at.journey.endedAt) return { type: 'ended', reason: ENDED };
      if (at.decided?.result) return asOfNow(tx, at.decided.result);
      const compiled = await campaigns(tx, at.journey.campaignId, at.journey.version);
      const context = { tx, cipher, at, compiled, now: now() };
      const { prepared, details, until = null } = await decide(compiled.step(id), inPostgres(context, id));
      const state = stateAfter(prepared) ?? at.journey.state;
      await recordStep(tx, journey, { id, type, state, until }, { what, details, result: prepared });
      return prepared;
    });
}

/** Why it ended stands in Postgres, perhaps in an operator's words: nothing personal goes to Temporal. */
const ENDED = 'its journey has ended';

/** A draft that was decided meanwhile holds nobody any more. */
async function asOfNow(tx: Db, prepared: Prepared): Promise<Prepared> {
  if (prepared.type !== 'webhook' || !prepared.held) return prepared;
  const delivery = await lockDelivery(tx, prepared.delivery);
  const { held: _held, ...free } = prepared;
  return delivery?.state === 'drafted' ? prepared : free;
}

/** Where a journey stands after a decision; undefined: where it stood. */
function stateAfter(prepared: Prepared): JourneyState | undefined {
  if (prepared.type === 'delay') return 'delayed';
  if (prepared.type !== 'webhook') return undefined;
  return prepared.held ? 'awaitingApproval' : 'sending';
}

const inPostgres = (context: ScopeContext, step: string): AtStep => ({
  compiled: context.compiled,
  now: context.now,
  scope: async () =>
    campaignScope(context.compiled.campaign, {
      ...(await readJourneyInput(context)),
      secrets: await usableSecrets(context),
    }),
  facts: createFacts(context.tx, { personKey: context.at.person.key }),
  setAttributes: attributesOf(context.tx, context.at.person, {
    type: 'update',
    journey: context.at.journey.id,
    step,
  }),
  newDeliveryId: () => newId('dlv'),
  keepDelivery: (delivery) => keepDelivery(context, delivery),
});

function keepDelivery({ tx, cipher, at: { journey } }: ScopeContext, rendered: RenderedDelivery): Promise<void> {
  return insertDelivery(tx, {
    ...renderedColumns(cipher, rendered),
    personKey: journey.personKey,
    journeyId: journey.id,
    campaignId: journey.campaignId,
    version: journey.version,
    stepId: rendered.webhook,
  });
}
