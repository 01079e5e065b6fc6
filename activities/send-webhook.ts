import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import { giveBackAttempt } from '../db/give-back-attempt.ts';
import { plainError } from '../db/plain-error.ts';
import { isUnavailable } from '../db/unavailable.ts';
import type { Sent } from '../domain/walk.ts';
import type { Parked } from './admission.ts';
import { claimAttempt, type SendDependencies } from './claim-attempt.ts';
import { finishSend } from './finish-send.ts';
import { persist } from './persist.ts';
import { createTurns, type TakeTurn } from './turns.ts';

/** Each is a write of Temporal's. One may be late by more than its time before the worker counts as lost. */
export const HEARTBEAT_EVERY_MS = 2_500;

/**
 * A worker that stood still for so long no longer knows what it claimed: Temporal gives it to another one after 6 s without a heartbeat
 * (`workflows/sending.ts`).
 */
const STOOD_STILL_MS = 5_000;

/** Whatever a claim fails of may last: it is tried again at this pace, not at that of a lost worker. */
const LOOK_AGAIN_MS = 10_000;

/** An own time that is this near is waited for here: a round of Temporal takes as long. */
const NEAR_MS = 250;

/**
 * Requests that began together also time out together. That many failures are stored at once, so that they leave connections to
 * those who have a request to send or an answer to store.
 */
const FAILURES_AT_ONCE = 4;

/**
 * Makes one attempt of a delivery: claims it, sends the frozen bytes, stores what came of it. A retryable outcome is thrown with
 * the delay until the next attempt, so that Temporal waits and shows it; the last one and every permanent one is returned.
 * One that has to wait for its destination is returned too, and holds no slot of this worker meanwhile.
 * A delivery that is settled already answers what is stored, without a request, unless it is for a resend of it.
 */
export function createSendWebhook(dependencies: SendDependencies) {
  const takeTurn = createTurns(FAILURES_AT_ONCE);
  // As many listen as there are attempts under way.
  setMaxListeners(0, dependencies.stopping);
  return (named: Named): Promise<Sent | Parked> =>
    whileBeating(dependencies.now, (stoodStill) =>
      untilWorkerStops(dependencies.stopping, (signal) => send(dependencies, takeTurn, named, { signal, stoodStill })),
    );
}

type Working = { signal: AbortSignal; stoodStill: () => boolean };
type Named = { delivery: string; resend?: string | undefined };

async function send(
  dependencies: SendDependencies,
  takeTurn: TakeTurn,
  named: Named,
  worker: Working,
): Promise<Sent | Parked> {
  const { signal, stoodStill } = worker;
  const { info } = Context.current();
  const workflowId = info.workflowExecution?.workflowId ?? '';
  const claimed = await claimAttempt(dependencies, { ...named, workflowId }).catch((error: unknown) => {
    if (isUnavailable(error)) throw retryIn(LOOK_AGAIN_MS, 'Postgres cannot be reached');
    throw ApplicationFailure.fromError(plainError(error), { nextRetryDelay: LOOK_AGAIN_MS });
  });
  if (claimed.type === 'settled') return claimed.sent;
  if (claimed.type === 'early') throw retryIn(claimed.delayMs, claimed.why);
  if (claimed.type === 'parked') {
    const { until } = claimed.parked;
    const remainingMs = until === null ? Infinity : Date.parse(until) - dependencies.now().getTime();
    if (remainingMs > NEAR_MS) return claimed.parked;
    await sleep(Math.max(remainingMs, 1), undefined, { signal });
    return send(dependencies, takeTurn, named, worker);
  }
  signal.throwIfAborted();
  if (stoodStill()) {
    await giveBackAttempt(dependencies.db, claimed);
    throw retryIn(0, 'the worker stood still: another one may have it by now');
  }

  const exchange = await dependencies.http.send(claimed.request, {
    timeoutMs: claimed.webhook.policy.timeoutMs,
    signal,
  });
  // Cut off without an answer it stays `started`; an answer that is there is stored, also by a worker that shuts down.
  if (exchange.status === null) signal.throwIfAborted();
  const finish = () => finishSend(dependencies, claimed, exchange);
  const write = exchange.class === 'retryable' ? () => takeTurn(finish) : finish;
  const { finished, othersWait } = await persist(write, signal);
  if (othersWait) dependencies.wakeLine();
  if (finished.type === 'settled') return finished.sent;
  if (finished.type === 'parked') return finished.parked;
  throw retryIn(finished.delayMs, finished.message);
}

/**
 * A request that is under way finishes and is stored, whatever becomes of its workflow: only its worker cuts it off. Not by
 * `AbortSignal.any`: `stopping` lives as long as the worker, and would keep something of each attempt.
 */
async function untilWorkerStops<T>(stopping: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const { cancellationSignal } = context;
  const cut = new AbortController();
  const onStop = () => cut.abort(stopping.reason);
  const onCancel = () => {
    if (context.cancellationDetails?.workerShutdown) cut.abort(cancellationSignal.reason);
  };
  if (stopping.aborted) onStop();
  if (cancellationSignal.aborted) onCancel();
  stopping.addEventListener('abort', onStop);
  cancellationSignal.addEventListener('abort', onCancel);
  try {
    return await work(cut.signal);
  } finally {
    stopping.removeEventListener('abort', onStop);
    cancellationSignal.removeEventListener('abort', onCancel);
  }
}

/** An expected outcome of webhooks, so BENIGN: it is no fault of the worker. */
const retryIn = (delayMs: number, message: string) =>
  ApplicationFailure.create({
    message,
    type: 'delivery.retryable',
    nextRetryDelay: Math.max(delayMs, 1),
    category: 'BENIGN',
  });

/**
 * `stoodStill` says whether a beat ever came so late that the worker may count as lost. A slow database does not hold up beats. By two
 * clocks: the one that counts on is not moved, the other goes on while the machine sleeps.
 */
async function whileBeating<T>(now: () => Date, work: (stoodStill: () => boolean) => Promise<T>): Promise<T> {
  const { heartbeat } = Context.current();
  const clocks = [() => now().getTime(), () => Date.now()];
  let beatAt = clocks.map((clock) => clock());
  let isLate = false;
  const look = () => {
    const times = clocks.map((clock) => clock());
    isLate ||= times.some((time, index) => time - (beatAt[index] ?? time) > STOOD_STILL_MS);
    beatAt = times;
    return isLate;
  };
  const beat = setInterval(() => {
    look();
    heartbeat();
  }, HEARTBEAT_EVERY_MS);
  try {
    return await work(look);
  } finally {
    clearInterval(beat);
  }
}
