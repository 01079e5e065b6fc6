import type { Cipher } from '../db/cipher.ts';
import { lockJourneyAt, recordStep } from '../db/journeys.ts';
import type { Db } from '../db/open.ts';
import type { VersionCache } from '../db/version-cache.ts';
import type { Step } from '../domain/campaign/steps.ts';
import type { PlanStep, Prepared } from '../domain/walk.ts';
import type { CompiledCampaign } from './compiled-campaign.ts';
import type { Decision, PrepareContext } from './decision.ts';
import { journeyScope, usableSecrets } from './journey-scope.ts';
import { decideBranch, decideDelay, decideExit, decideUpdate } from './decide.ts';
import { decideWebhook } from './decide-webhook.ts';

/** The log's word for what each kind of step decides. */
const DECISION = {
  delay: 'delayed',
  webhook: 'rendered',
  branch: 'branched',
  update: 'updated',
  exit: 'exited',
} as const satisfies Record<PlanStep['type'], string>;

export type PrepareInput = { journey: string; step: string; type: PlanStep['type'] };

type Dependencies = { db: Db; cipher: Cipher; now: () => Date; versions: VersionCache<CompiledCampaign> };

/**
 * Evaluates, renders and freezes what a step needs, in one transaction under the key (journey, step): a repeat answers what
 * was decided the first time. A journey whose person was erased is told to end.
 */
export function createPrepare({ db, cipher, now, versions }: Dependencies) {
  return ({ journey, step: id, type }: PrepareInput): Promise<Prepared> =>
    db.transaction(async (tx) => {
      const what = DECISION[type];
      const at = await lockJourneyAt(tx, { journey, step: id, decision: what }, { lockPerson: type === 'update' });
      if (!at) return { type: 'ended', reason: 'the person was erased' };
      if (at.decided?.result) return at.decided.result;
      const compiled = await versions(tx, at.journey.campaignId, at.journey.version);
      const context = { tx, cipher, at, compiled, now: now() };
      const { prepared, details, until = null } = await decide(context, compiled.step(id));
      const state = type === 'delay' ? 'delayed' : type === 'webhook' ? 'sending' : at.journey.state;
      await recordStep(tx, journey, { id, type, state, until }, { what, details, result: prepared });
      return prepared;
    });
}

async function decide(context: PrepareContext, step: Step): Promise<Decision> {
  switch (step.type) {
    case 'delay':
      return decideDelay(context, step);
    case 'branch':
      return decideBranch(context, step, await scopeOf(context));
    case 'update':
      return decideUpdate(context, step, await scopeOf(context));
    case 'exit':
      return decideExit(step);
    case 'webhook':
      return decideWebhook(context, step, await scopeOf(context));
  }
}

const scopeOf = async (context: PrepareContext) => journeyScope(context, { secrets: await usableSecrets(context) });
