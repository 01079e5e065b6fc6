import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import type { JudgeWait } from '../domain/journey/judge-wait.ts';
import type { Json } from '../domain/json.ts';
import type { Wait, WaitPath } from '../domain/walk.ts';
import type { Cipher } from './cipher.ts';
import { createFacts } from './facts.ts';
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

/**
 * Says where a wait stands, whose person is held: first what came before its time was over ends it, then the time. A wait that went
 * with its person has ended.
 */
export async function lookAtWait(context: WaitContext, journeyId: string, stepId: string): Promise<Wait> {
  const wait = await findWait(context.tx, journeyId, stepId);
  if (!wait) return { until: null, ended: 'elapsed' };
  if (wait.outcome) return { until: null, ended: PATHS[wait.outcome] };
  const end = (await findEnd(context, wait)) ?? (await timeOver(context, wait));
  if (!end) return { until: wait.deadline?.toISOString() ?? null, ended: null };
  await closeWait(context.tx, wait, end, { wake: false });
  return { until: null, ended: PATHS[end.outcome] };
}

/** What has come already, of what is waited for. */
async function findEnd(context: WaitContext, wait: WaitRow): Promise<WaitEnd | null> {
  if (wait.kind === 'condition') return judgeCondition(context, wait, wait.since);
  if (wait.kind === 'time' || wait.eventName === null) return null;
  const { personKey, eventName: name, since, deadline } = wait;
  const receivedBy = deadline ?? undefined;
  for await (const event of eventsBehind(context.tx, { personKey, name, since, ...(receivedBy && { receivedBy }) })) {
    const end = await judgeEvent(context, wait, event);
    if (end) return end;
  }
  return null;
}

async function timeOver({ tx, now }: WaitContext, wait: WaitRow): Promise<WaitEnd | null> {
  const { deadline, kind, personKey, since } = wait;
  if (deadline === null || now < deadline) return null;
  const position = Math.max(since, await lastBefore(tx, personKey, deadline));
  const outcome = kind === 'time' ? 'elapsed' : 'timedOut';
  return { outcome, eventId: null, position, log: { what: outcome, details: { deadline: deadline.toISOString() } } };
}

/** Whether an event ends a wait for it: null, or how. */
export async function judgeEvent(context: WaitContext, wait: WaitRow, event: EventRow): Promise<WaitEnd | null> {
  const { number, id, name } = event;
  if (wait.eventName !== name || number <= wait.since) return null;
  if (wait.deadline !== null && event.receivedAt > wait.deadline) return null;
  const judged = await judge(context, wait, { event, upTo: number });
  if (!judged?.holds) return null;
  const details = { event: id, name, values: judged.values };
  return { outcome: 'event', eventId: id, position: number, log: { what: 'received', details } };
}

/** Whether what a journey waits for holds: null, or how the wait ends. `number` is the place in the person's order that is at hand. */
export async function judgeCondition(context: WaitContext, wait: WaitRow, number: number): Promise<WaitEnd | null> {
  const judged = await judge(context, wait, { event: null, upTo: null });
  if (!judged?.holds) return null;
  const log = { what: 'fulfilled', details: { values: judged.values } };
  return { outcome: 'condition', eventId: null, position: number, log };
}

async function judge(
  { tx, cipher, campaigns, now, judgeWait }: WaitContext,
  { journeyId, stepId, personKey }: WaitRow,
  { event, upTo }: { event: EventRow | null; upTo: number | null },
): Promise<{ holds: boolean; values: Json } | null> {
  const at = await readCause(tx, journeyId);
  if (!at) return null;
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
