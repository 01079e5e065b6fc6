import { entryRules, type Campaign } from './campaign.ts';
import type { Condition } from '../condition/condition.ts';
import type { Judgement } from '../condition/evaluate-condition.ts';
import { parseDurationMs } from '../input/duration.ts';
import type { Json } from '../json.ts';

const LATE_MS = 24 * 60 * 60 * 1000;

/** A campaign whose own changes let people enter it again would never end. */
const MAX_DEPTH = 20;

/** Whether an event is too old to start or end anything: it was sent as backfill, or long after it happened. */
export const isPast = ({ timestamp, receivedAt, backfill }: NonNullable<Entrant['event']>): boolean =>
  backfill || receivedAt.getTime() - timestamp.getTime() > LATE_MS;

/** Somebody who may enter a campaign: by an event, or by a broadcast. */
export type Entrant = {
  campaignState: 'new' | 'live' | 'paused' | 'stopped';
  suppressed: boolean;
  event: { timestamp: Date; receivedAt: Date; backfill: boolean } | null;
  /** How many journeys led to this, each by a change of its own. */
  depth: number;
  /** What a condition comes to for them, now. */
  judge: (condition: Condition) => Promise<Judgement>;
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

/** Why a campaign does not want somebody; null: it does, and `values` are what `where` and the audience saw of them. */
export type EntrantJudgement = { refusal: Refusal | null; values: Record<string, Json> };

/** Whether the campaign wants this entrant at all. Their past in the campaign is asked afterwards. */
export async function refuseEntrant(campaign: Campaign, entrant: Entrant): Promise<EntrantJudgement> {
  const refusal = refuseUnseen(entrant);
  return refusal ? { refusal, values: {} } : judgeConditions(campaign, entrant);
}

/** Why nobody may enter on such an occasion, whoever they are and whatever they did. */
function refuseUnseen({ campaignState: state, event, suppressed, depth }: Entrant): Refusal | null {
  if (state === 'paused') return refusal('paused', 'the campaign is paused');
  if (state !== 'live') return refusal('notLive', `the campaign is ${state}`);
  if (event?.backfill) return refusal('backfilled', 'the event was sent as backfill');
  if (event && event.receivedAt.getTime() - event.timestamp.getTime() > LATE_MS) {
    return refusal('backfilled', 'the event is more than 24 h older than its receipt', {
      event_timestamp: event.timestamp.toISOString(),
    });
  }
  if (suppressed) return refusal('suppressed', 'the person is suppressed');
  if (depth > MAX_DEPTH) {
    return refusal('guard', `journeys led to one another ${depth} times; at most ${MAX_DEPTH} may`, { depth });
  }
  return null;
}

async function judgeConditions(campaign: Campaign, { judge }: Entrant): Promise<EntrantJudgement> {
  const { trigger, audience } = campaign;
  const conditions = [
    { condition: trigger.type === 'event' ? trigger.where : undefined, refused: WHERE_FALSE },
    { condition: audience, refused: NOT_IN_AUDIENCE },
  ];
  let seen: Record<string, Json> = {};
  for (const { condition, refused } of conditions) {
    if (!condition) continue;
    const { holds, values } = await judge(condition);
    if (!holds) return { refusal: { ...refused, values }, values };
    seen = { ...seen, ...values };
  }
  return { refusal: null, values: seen };
}

const WHERE_FALSE = { outcome: 'whereFalse', reason: "the trigger's where does not hold" } as const;
const NOT_IN_AUDIENCE = { outcome: 'notInAudience', reason: 'the person is not in the audience' } as const;

/** What a person did in a campaign before: the latest entry, where there is one, those of the last hour, and how many journeys still run. */
export type EntryHistory = { latest: { journey: string; at: string } | null; lastHour: number; active: number };

/** Of somebody who was never in the campaign. */
export const NO_PAST: EntryHistory = { latest: null, lastHour: 0, active: 0 };

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
