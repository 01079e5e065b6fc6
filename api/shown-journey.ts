import type { JourneyDetail, JourneyWithPerson } from '../db/journey-list.ts';
import { journeyWorkflowId } from '../workflows/messages.ts';

/** Where to look a journey up in Temporal's UI; without a URL there is no link. */
export type TemporalUi = { url: string | undefined; namespace: string };

/** A journey as lists have it. One that is stuck says so in the place of its state, until it goes on or has ended. */
export function journeySummary(journey: JourneyWithPerson, ui: TemporalUi) {
  const { id, campaignId, version, person, createdAt, endedAt } = journey;
  const workflow = encodeURIComponent(journeyWorkflowId(id, journey.run));
  const isStuck = stuck(journey);
  return {
    id,
    campaign: campaignId,
    version,
    person,
    state: isStuck ? ('stuck' as const) : isPaused(journey) ? ('paused' as const) : journey.state,
    step: stepOf(journey),
    startedAt: createdAt,
    endedAt,
    reason: isStuck ? journey.stuckReason : journey.reason,
    temporalUrl: ui.url === undefined ? null : `${ui.url}/namespaces/${ui.namespace}/workflows/${workflow}`,
  };
}

export function journeyDetail(journey: JourneyDetail, ui: TemporalUi) {
  const log = journey.log.map(({ at, step, what, details }) => ({
    at,
    step: step === '' ? null : step,
    what,
    ...details,
  }));
  return { ...journeySummary(journey, ui), log, deliveries: journey.deliveries };
}

const isPaused = ({ state, line }: JourneyWithPerson) => state === 'sending' && line?.reason === 'pause';

const stuck = ({ stuckSince, endedAt }: JourneyWithPerson) => stuckSince !== null && endedAt === null;

/** The step that a journey is at, and in words what it waits for there; null before the first and after the end. */
function stepOf(journey: JourneyWithPerson) {
  const { stepId, stepType, stepSince, endedAt, line } = journey;
  if (stepId === null || endedAt !== null) return null;
  const until = line ? line.until : journey.state === 'sending' ? journey.nextAttemptAt : journey.stepUntil;
  return { id: stepId, type: stepType, since: stepSince, until, waitsFor: waitsFor(journey) };
}

const IN_LINE = {
  breaker: 'its destination to work again',
  rateLimit: "its time under the webhook's rate limit",
  slot: 'a slot at its destination',
  pause: 'its campaign to be resumed',
};

function waitsFor(journey: JourneyWithPerson): string | null {
  const { state, stuckSince, stepUntil, wait, line, lastError, nextAttemptAt } = journey;
  if (stuck(journey)) return `its repair, since ${text(stuckSince)}: see its reason`;
  if (state === 'waiting' && wait) {
    const what = wait.kind === 'event' ? `the event ${wait.eventName}` : 'its condition to hold';
    return `${what}${until(stepUntil)}`;
  }
  if (state === 'delayed' && stepUntil) return `its delay to end at ${text(stepUntil)}`;
  if (state === 'awaitingApproval') return `the approval of its webhook${until(stepUntil)}`;
  if (state !== 'sending') return null;
  if (line) return `${IN_LINE[line.reason]}, since ${text(line.since)}${until(line.until)}`;
  const again = nextAttemptAt === null ? '' : `, which is tried again at ${text(nextAttemptAt)}`;
  return `an answer to its webhook${again}${lastError ? `; so far: ${lastError.message}` : ''}`;
}

const text = (moment: Date | null) => moment?.toISOString() ?? '';
const until = (moment: Date | null) => (moment === null ? '' : ` until ${text(moment)}`);
