import { entryRules, type Campaign } from './campaign.ts';
import { evaluateCondition, type Facts } from '../condition/evaluate-condition.ts';
import type { Json } from '../json.ts';
import type { Scope } from '../scope.ts';

const LATE_MS = 24 * 60 * 60 * 1000;

/** Somebody who may enter a campaign: by an event, or named by hand. */
export type Entrant = {
  campaignState: 'new' | 'live' | 'paused' | 'stopped';
  suppressed: boolean;
  event: { timestamp: Date; receivedAt: Date; backfill: boolean } | null;
  scope: Scope;
  now: Date;
  facts: Facts;
};

export type Refusal = {
  outcome:
    | 'notLive'
    | 'paused'
    | 'backfilled'
    | 'suppressed'
    | 'whereFalse'
    | 'notInAudience'
    | 'frequency'
    | 'maxConcurrent';
  reason: string;
  values: Record<string, Json>;
};

/** Why a campaign does not want somebody; null: it does, and `values` are what `where` and the audience saw of them. */
export type EntrantJudgement = { refusal: Refusal | null; values: Record<string, Json> };

/** Whether the campaign wants this entrant at all. Their past in the campaign is asked afterwards. */
export async function refuseEntrant(campaign: Campaign, entrant: Entrant): Promise<EntrantJudgement> {
  const refusal = refuseUnseen(entrant);
  return refusal ? { refusal, values: {} } : judgeConditions(campaign, entrant);
}

/** Why nobody may enter on such an occasion, whoever they are and whatever they did. */
function refuseUnseen({ campaignState: state, event, suppressed }: Entrant): Refusal | null {
  if (state === 'paused') return refusal('paused', 'the campaign is paused');
  if (state !== 'live') return refusal('notLive', `the campaign is ${state}`);
  if (event?.backfill) return refusal('backfilled', 'the event was sent as backfill');
  if (event && event.receivedAt.getTime() - event.timestamp.getTime() > LATE_MS) {
    return refusal('backfilled', 'the event is more than 24 h older than its receipt', {
      event_timestamp: event.timestamp.toISOString(),
    });
  }
  if (suppressed) return refusal('suppressed', 'the person is suppressed');
  return null;
}

async function judgeConditions(campaign: Campaign, { scope, now, facts }: Entrant): Promise<EntrantJudgement> {
  const { trigger, audience } = campaign;
  const conditions = [
    { condition: trigger.type === 'event' ? trigger.where : undefined, refused: WHERE_FALSE },
    { condition: audience, refused: NOT_IN_AUDIENCE },
  ];
  let seen: Record<string, Json> = {};
  for (const { condition, refused } of conditions) {
    if (!condition) continue;
    const { holds, values } = await evaluateCondition(condition, scope, now, facts);
    if (!holds) return { refusal: { ...refused, values }, values };
    seen = { ...seen, ...values };
  }
  return { refusal: null, values: seen };
}

const WHERE_FALSE = { outcome: 'whereFalse', reason: "the trigger's where does not hold" } as const;
const NOT_IN_AUDIENCE = { outcome: 'notInAudience', reason: 'the person is not in the audience' } as const;

/** What a person did in a campaign before: an earlier entry, where there is one, and how many of their journeys still run. */
export type EntryHistory = { earlier: { journey: string; at: string } | null; active: number };

/** Whether the entry rules let a person enter once more, given what the table of entries and the running journeys say. */
export function refuseRepeat(campaign: Campaign, history: EntryHistory): Refusal | null {
  const { once, maxConcurrent } = entryRules(campaign);
  if (once && history.earlier) {
    return refusal('frequency', 'the person has entered before and may do so once', history.earlier);
  }
  if (history.active >= maxConcurrent) {
    return refusal('maxConcurrent', `the person has ${history.active} running journeys of at most ${maxConcurrent}`, {
      active: history.active,
    });
  }
  return null;
}

const refusal = (outcome: Refusal['outcome'], reason: string, values: Record<string, Json> = {}): Refusal => ({
  outcome,
  reason,
  values,
});
