import { lockSend, recordAttempt, type DeliveryMove, type DeliveryRow } from '../db/deliveries.ts';
import { moveResend } from '../db/move-resend.ts';
import type { Db } from '../db/open.ts';
import { parkDelivery } from '../db/parked.ts';
import type { PersonRow } from '../db/people.ts';
import { shownError } from '../domain/request/shown-error.ts';
import { decideRetry, nextDelayMs } from '../domain/delivery/retry.ts';
import { settled } from '../domain/campaign/send-policy.ts';
import type { Sent } from '../domain/walk.ts';
import { keptAnswer, readAnswer } from './answer.ts';
import { endOfParking, type Parked } from './admission.ts';
import { applyMapping } from './apply-mapping.ts';
import { tellBreaker } from './breaker.ts';
import { ERASED, failedMove, type ClaimedAttempt, type SendDependencies } from './claim-attempt.ts';
import type { Exchange } from './http.ts';
import { woken, type Left } from './set-attributes.ts';
import { shownExchange } from './shown-exchange.ts';

const UNEXPLAINED = { code: 'unexpected', message: 'It failed without saying why.' };

export type Finished =
  | { type: 'settled'; sent: Sent }
  | { type: 'retry'; delayMs: number; message: string }
  | { type: 'parked'; parked: Parked };

/** What an attempt does to its delivery, which is null where it comes too late to do anything, and what the walk is told. */
type Verdict = { move: DeliveryMove | null; finished: Finished };

type Stored = { finished: Finished; othersWait: boolean };

/**
 * Stores what came of an attempt, in one transaction: the attempt's row, the delivery's state, and for a 2xx the mapping and the
 * kept part of the answer. It counts only for the latest attempt, but a 2xx always wins. A repeat changes nothing more.
 */
export function finishSend(
  dependencies: SendDependencies,
  claimed: ClaimedAttempt,
  exchange: Exchange,
): Promise<Stored> {
  return woken(dependencies.wakeInbox, (left) =>
    dependencies.db.transaction((tx) => finish(tx, dependencies, claimed, exchange, left)),
  );
}

async function finish(
  tx: Db,
  dependencies: SendDependencies,
  claimed: ClaimedAttempt,
  exchange: Exchange,
  left: Left,
): Promise<Stored> {
  const isSent = exchange.class === 'sent';
  const locked = await lockSend(tx, claimed.delivery.id, { withPerson: isSent });
  if (!locked) return { finished: { type: 'settled', sent: ERASED }, othersWait: true };
  const { delivery, person, latestAttempt } = locked;
  const verdict =
    late(delivery, claimed, { isSent, isLatest: latestAttempt === claimed.id, delayMs: dependencies.firstDelayMs }) ??
    (isSent
      ? await success({ ...dependencies, db: tx }, claimed, person, exchange, left)
      : failure(dependencies, claimed, exchange));
  const { move, finished } = verdict;
  const { id, resend, destination } = claimed;
  const nextAttemptAt = move?.set.nextAttemptAt ?? null;
  const end = { ...shownExchange(exchange, claimed.request.secrets), nextAttemptAt };
  const [{ othersWait, openUntil }] = await Promise.all([
    recordAttempt(tx, delivery, { id, destination, end, move: resend === null ? move : null }),
    resend !== null && moveResend(tx, delivery, resend, { move, ended: finished.type === 'settled' }),
  ]);
  if (!dependencies.breaker) return { finished, othersWait };
  const now = dependencies.now();
  const closedTo = await tellBreaker(tx, { ...claimed, class: exchange.class }, { openUntil, now });
  if (closedTo === null || closedTo <= now) return { finished, othersWait };
  const comesInVain = finished.type === 'retry' && nextAttemptAt !== null && nextAttemptAt <= closedTo;
  return { finished: comesInVain ? await park(tx, claimed, now) : finished, othersWait: false };
}

/** A retry that would find the breaker open lines up at once: it needs no timer, and no second visit only to be turned away. */
async function park(
  tx: Db,
  { delivery: { id }, destination: origin, workflowId }: ClaimedAttempt,
  now: Date,
): Promise<Finished> {
  const place = { id, origin, workflowId, reason: 'breaker' as const, dueAt: null, now };
  await parkDelivery(tx, place);
  const until = endOfParking({ since: now, dueAt: null }).toISOString();
  return { type: 'parked', parked: { state: 'parked', reason: 'breaker', until } };
}

/** An attempt that was overtaken: by the delivery's end, or by a later attempt. A resend begins after that end. */
function late(
  { state }: DeliveryRow,
  { webhook, resend }: ClaimedAttempt,
  { isSent, isLatest, delayMs }: { isSent: boolean; isLatest: boolean; delayMs: number },
): Verdict | null {
  const over = state === 'skipped' ? 'cancelled' : state;
  const isOver = over === 'sent' || over === 'failed' || over === 'cancelled';
  if (isOver && (isSent ? over === 'sent' : resend === null)) {
    return { move: null, finished: { type: 'settled', sent: settled(over, webhook) } };
  }
  if (isSent || isLatest) return null;
  return { move: null, finished: { type: 'retry', delayMs, message: 'a later attempt is under way' } };
}

async function success(
  dependencies: SendDependencies,
  claimed: ClaimedAttempt,
  person: PersonRow,
  exchange: Exchange,
  left: Left,
): Promise<Verdict> {
  const answer = readAnswer(exchange);
  const mapping = await applyMapping(dependencies, claimed, person, exchange, answer, left);
  const kept = await keptAnswer(dependencies, claimed, exchange, answer);
  const { webhook, number } = claimed;
  return {
    move: {
      state: 'sent',
      set: { error: null, nextAttemptAt: null, mapping, answer: kept },
      log: { status: exchange.status, attempts: number },
    },
    finished: { type: 'settled', sent: settled('sent', webhook) },
  };
}

function failure(
  { now, random, firstDelayMs }: SendDependencies,
  claimed: ClaimedAttempt,
  exchange: Exchange,
): Verdict {
  const { webhook, number, tries, firstAttemptAt } = claimed;
  const { times } = webhook.policy;
  const withinMs = webhook.policy.withinMs + claimed.parkedMs;
  const error = shownError(exchange.error ?? UNEXPLAINED, claimed.request.secrets);
  if (exchange.class === 'retryable') {
    const at = now();
    const delayMs = nextDelayMs({ attempt: tries, firstDelayMs, retryAfterMs: exchange.retryAfterMs, random });
    const next = decideRetry({ attempt: tries, times, withinMs, firstAttemptAt, now: at, delayMs });
    if (next.retry) {
      return {
        move: { state: 'attempted', set: { error, nextAttemptAt: next.at } },
        finished: { type: 'retry', delayMs: next.at.getTime() - at.getTime(), message: error.message },
      };
    }
  }
  return {
    move: failedMove(error, { attempts: number }),
    finished: { type: 'settled', sent: settled('failed', webhook) },
  };
}
