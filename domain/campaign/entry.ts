import { entryRules, type Campaign } from './campaign.ts';
import { evaluateCondition } from '../condition/condition.ts';
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

/** Whether the campaign wants this entrant at all: null, or why not. The past of the person is asked afterwards. */
export function refuseEntrant(campaign: Campaign, entrant: Entrant): Refusal | null {
  const { campaignState: state, event, scope, now } = entrant;
  if (state === 'paused') return refusal('paused', 'the campaign is paused');
  if (state !== 'live') return refusal('notLive', `the campaign is ${state}`);
  if (event?.backfill) return refusal('backfilled', 'the event was sent as backfill');
  if (event && event.receivedAt.getTime() - event.timestamp.getTime() > LATE_MS) {
    return refusal('backfilled', 'the event is more than 24 h older than its receipt', {
      event_timestamp: event.timestamp.toISOString(),
    });
  }
  if (entrant.suppressed) return refusal('suppressed', 'the person is suppressed');
  if (campaign.trigger.type === 'event' && campaign.trigger.where) {
    const where = evaluateCondition(campaign.trigger.where, scope, now);
    if (!where.holds) return refusal('whereFalse', "the trigger's where does not hold", where.values);
  }
  if (campaign.audience) {
    const audience = evaluateCondition(campaign.audience, scope, now);
    if (!audience.holds) return refusal('notInAudience', 'the person is not in the audience', audience.values);
  }
  return null;
}

/** What the trigger's `where` and the audience saw of one whom they let in. */
export function valuesOfEntrant(
  campaign: Campaign,
  { scope, now }: Pick<Entrant, 'scope' | 'now'>,
): Record<string, Json> {
  const where = campaign.trigger.type === 'event' ? campaign.trigger.where : undefined;
  const conditions = [where, campaign.audience].filter((condition) => condition !== undefined);
  return Object.assign({}, ...conditions.map((condition) => evaluateCondition(condition, scope, now).values));
}

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
