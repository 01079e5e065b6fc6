import { entryRules, type Campaign } from './campaign.ts';
import { evaluateCondition } from '../condition/condition.ts';
import { parseDurationMs } from '../input/duration.ts';
import type { Json } from '../json.ts';
import type { Scope } from '../scope.ts';

const LATE_MS = 24 * 60 * 60 * 1000;

/** A campaign whose own changes let people enter it again would never end. */
const MAX_DEPTH = 20;

/** Whether an event is too old to start or end anything: it was sent as backfill, or long after it happened. */
export const isPast = ({ timestamp, receivedAt, backfill }: NonNullable<Entrant['event']>): boolean =>
  backfill || receivedAt.getTime() - timestamp.getTime() > LATE_MS;

/** Somebody who may enter a campaign: by an event, or named by hand. */
export type Entrant = {
  campaignState: 'new' | 'live' | 'paused' | 'stopped';
  suppressed: boolean;
  event: { timestamp: Date; receivedAt: Date; backfill: boolean } | null;
  /** How many journeys led to this, each by a change of its own. */
  depth: number;
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
    | 'maxConcurrent'
    | 'guard';
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
  if (entrant.depth > MAX_DEPTH) {
    return refusal('guard', `journeys led to one another ${entrant.depth} times; at most ${MAX_DEPTH} may`, {
      depth: entrant.depth,
    });
  }
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

/** What a person did in a campaign before: the latest entry, where there is one, those of the last hour, and how many journeys still run. */
export type EntryHistory = { latest: { journey: string; at: string } | null; lastHour: number; active: number };

/** Whether the entry rules let a person enter once more, given what the table of entries and the running journeys say. */
export function refuseRepeat(campaign: Campaign, history: EntryHistory, now: Date): Refusal | null {
  const { frequency, maxConcurrent, maxPerHour } = entryRules(campaign);
  const { latest } = history;
  if (frequency === 'once' && latest) {
    return refusal('frequency', 'the person has entered before and may do so once', latest);
  }
  if (typeof frequency === 'object' && latest) {
    const again = Date.parse(latest.at) + parseDurationMs(frequency.oncePer);
    if (now.getTime() < again) {
      const reason = `the person may enter once per ${frequency.oncePer}`;
      return refusal('frequency', reason, { ...latest, again: new Date(again).toISOString() });
    }
  }
  if (history.lastHour >= maxPerHour) {
    return refusal('guard', `the person entered ${history.lastHour} times within an hour, of at most ${maxPerHour}`, {
      lastHour: history.lastHour,
    });
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
