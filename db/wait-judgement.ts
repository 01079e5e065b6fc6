import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import type { JudgeWait } from '../domain/journey/judge-wait.ts';
import type { Json } from '../domain/json.ts';
import type { Wait, WaitPath } from '../domain/walk.ts';
import type { Cipher } from './cipher.ts';
import { attributesAt } from './attributes-before.ts';
import { createFacts } from './facts.ts';
import { isBehind } from './inbox.ts';
import { readJourneyInput } from './journey-scope.ts';
import { readCause } from './journeys.ts';
import type { Db } from './open.ts';
import type { WaitOutcome } from './schema/journeys.ts';
import type { events } from './schema/people.ts';
import { readSecrets } from './secrets.ts';
import type { VersionCache } from './version-cache.ts';
import { closeWait, eventsBehind, findWait, lastBefore, type WaitEnd, type WaitRow } from './waits.ts';

type EventRow = typeof events.$inferSelect;

export type WaitContext = {
  tx: Db;
  cipher: Cipher;
  campaigns: VersionCache<CompiledCampaign>;
  now: Date;
  judgeWait: JudgeWait;
};

/** Which way a journey goes behind a wait that ended so. */
const PATHS: Record<WaitOutcome, WaitPath> = {
  event: 'then',
  condition: 'then',
  timedOut: 'onTimeout',
  elapsed: 'elapsed',
  exited: 'elapsed',
};

const SOONEST_MS = 1_000;
const LATEST_MS = 60_000;

/**
 * Says where a wait stands, whose person is held: first what came before its time was over ends it, then the time. A wait that went
 * with its person has ended. One whose time is over is left to the relay while something that came in time, and may matter to it, is
 * still to be matched: it is looked at again, the more rarely the longer that lasts.
 */
export async function lookAtWait(context: WaitContext, journeyId: string, stepId: string): Promise<Wait> {
  const wait = await findWait(context.tx, journeyId, stepId);
  if (!wait) return { until: null, ended: 'elapsed' };
  if (wait.outcome) return { until: null, ended: PATHS[wait.outcome] };
  const over = timeOf(context, wait);
  const end = wait.kind === 'condition' ? await endOfCondition(context, wait) : await endOfOther(context, wait);
  if (over && end?.outcome !== 'event' && (await isLeftToRelay(context, wait, over))) {
    const pauseMs = Math.min(Math.max(context.now.getTime() - over.getTime(), SOONEST_MS), LATEST_MS);
    return { until: new Date(context.now.getTime() + pauseMs).toISOString(), ended: null };
  }
  if (!end) return { until: wait.deadline?.toISOString() ?? null, ended: null };
  await closeWait(context.tx, wait, end, { wake: false });
  return { until: null, ended: PATHS[end.outcome] };
}

/** When its time was over; null: it is not yet. */
const timeOf = ({ now }: WaitContext, { deadline }: WaitRow): Date | null =>
  deadline !== null && now >= deadline ? deadline : null;

/**
 * Whether something that came in time is still to be matched. Only the relay brings people into segments and notes conversions, which
 * conditions ask for, the `where` of an event too; and it moves times that follow from the person.
 */
function isLeftToRelay({ tx }: WaitContext, { kind, personKey, eventName }: WaitRow, over: Date): Promise<boolean> {
  switch (kind) {
    case 'condition':
      return isBehind(tx, personKey, over);
    case 'event':
      return isBehind(tx, personKey, over, { events: eventName === null ? [] : [eventName] });
    case 'time':
      return isBehind(tx, personKey, over, { type: 'change' });
  }
}

/** The place in the person's order at which the time of a wait was over. */
const placeOf = ({ tx }: WaitContext, { since, personKey }: WaitRow, over: Date): Promise<number> =>
  lastBefore(tx, { personKey, from: since, moment: over });

/** That what is waited for holds now, or held when its time was over; otherwise, that the time is over. */
async function endOfCondition(context: WaitContext, wait: WaitRow): Promise<WaitEnd | null> {
  const over = timeOf(context, wait);
  const number = over ? await placeOf(context, wait, over) : wait.since;
  const judged = await judge(context, wait, { event: null, upTo: over && number, over });
  if (judged?.holds) return fulfilled(judged, number);
  return over && timeOver(wait, { over, position: number, ...(judged && { values: judged.values }) });
}

/** The event that came, of what is waited for; otherwise, that the time is over. */
async function endOfOther(context: WaitContext, wait: WaitRow): Promise<WaitEnd | null> {
  const { kind, personKey, eventName: name, since, deadline } = wait;
  if (kind === 'event' && name !== null) {
    const receivedBy = deadline ?? undefined;
    for await (const event of eventsBehind(context.tx, { personKey, name, since, ...(receivedBy && { receivedBy }) })) {
      const end = await judgeEvent(context, wait, event);
      if (end) return end;
    }
  }
  const over = timeOf(context, wait);
  return over && timeOver(wait, { over, position: await placeOf(context, wait, over) });
}

function timeOver(
  { kind }: WaitRow,
  { over, position, ...seen }: { over: Date; position: number; values?: Json },
): WaitEnd {
  const outcome = kind === 'time' ? 'elapsed' : 'timedOut';
  const log = { what: outcome, details: { deadline: over.toISOString(), ...seen } };
  return { outcome, eventId: null, position, log };
}

/** Whether an event ends a wait for it: null, or how. */
export async function judgeEvent(context: WaitContext, wait: WaitRow, event: EventRow): Promise<WaitEnd | null> {
  const { number, id, name } = event;
  if (wait.eventName !== name || number <= wait.since) return null;
  if (wait.deadline !== null && event.receivedAt > wait.deadline) return null;
  const judged = await judge(context, wait, { event, upTo: number, over: null });
  if (!judged?.holds) return null;
  const details = { event: id, name, values: judged.values };
  return { outcome: 'event', eventId: id, position: number, log: { what: 'received', details } };
}

/**
 * Whether what a journey waits for holds, or held when its time was over: null, or how the wait ends. `number` is the place in the
 * person's order that is at hand. Attributes and events are then those of that time; who belonged to which segment and had converted is
 * known of now only, so what came later may count there.
 */
export async function judgeCondition(context: WaitContext, wait: WaitRow, number: number): Promise<WaitEnd | null> {
  const over = timeOf(context, wait);
  // What came before the wait began counts for it, also where that is still to be matched.
  const place = Math.max(number, wait.since);
  const upTo = over ? Math.max(place, await placeOf(context, wait, over)) : place;
  const judged = await judge(context, wait, { event: null, upTo, over });
  return judged?.holds ? fulfilled(judged, place) : null;
}

const fulfilled = ({ values }: Judged, position: number): WaitEnd => ({
  outcome: 'condition',
  eventId: null,
  position,
  log: { what: 'fulfilled', details: { values } },
});

type Judged = { holds: boolean; values: Json };

async function judge(
  { tx, cipher, campaigns, judgeWait, ...context }: WaitContext,
  { journeyId, stepId, personKey }: WaitRow,
  { event, upTo, over }: { event: EventRow | null; upTo: number | null; over: Date | null },
): Promise<Judged | null> {
  const now = over ?? context.now;
  const cause = await readCause(tx, journeyId);
  if (!cause) return null;
  const { person } = cause;
  const at = over ? { ...cause, person: { ...person, attributes: await attributesAt(tx, person, over) } } : cause;
  const compiled = await campaigns(tx, at.journey.campaignId, at.journey.version);
  const input = await readJourneyInput({ tx, cipher, at, compiled, now });
  const secrets = compiled.namesAnswers ? await readSecrets(tx, cipher) : {};
  return judgeWait({
    compiled,
    step: stepId,
    input: { ...input, ...(event && { event }), secrets },
    facts: createFacts(tx, { personKey, upTo }),
    now,
  });
}
