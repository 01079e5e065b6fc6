import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Sent } from '../domain/walk.ts';
import { claimAttempt, type SendDependencies } from './claim-attempt.ts';
import { finishSend } from './finish-send.ts';
import { persist } from './persist.ts';

const HEARTBEAT_EVERY_MS = 5_000;

/**
 * Makes one attempt of a delivery: claims it, sends the frozen bytes, stores what came of it. A retryable outcome is thrown with
 * the delay until the next attempt, so that Temporal waits and shows it; the last one and every permanent one is returned.
 * A delivery that is settled already answers what is stored, without a request.
 */
export function createSendWebhook(dependencies: SendDependencies) {
  return ({ delivery }: { delivery: string }): Promise<Sent> => whileBeating(() => send(dependencies, delivery));
}

async function send(dependencies: SendDependencies, delivery: string): Promise<Sent> {
  const { cancellationSignal: signal } = Context.current();
  const claimed = await claimAttempt(dependencies, delivery);
  if (claimed.type === 'settled') return claimed.sent;
  if (claimed.type === 'early') throw retryIn(claimed.delayMs, 'the next attempt is not due yet');
  signal.throwIfAborted();

  const exchange = await dependencies.http.send(claimed.request, { timeoutMs: claimed.policy.timeoutMs, signal });
  // Cut off without an answer it stays `started`; an answer that is there is stored, also by a worker that shuts down.
  if (exchange.status === null) signal.throwIfAborted();
  const outcome = await persist(() => finishSend(dependencies, claimed, exchange), signal);
  if (outcome.type === 'settled') return outcome.sent;
  throw retryIn(outcome.delayMs, outcome.message);
}

/** An expected outcome of webhooks, so BENIGN: it is no fault of the worker. */
const retryIn = (delayMs: number, message: string) =>
  ApplicationFailure.create({
    message,
    type: 'delivery.retryable',
    nextRetryDelay: Math.max(delayMs, 1),
    category: 'BENIGN',
  });

async function whileBeating<T>(work: () => Promise<T>): Promise<T> {
  const { heartbeat } = Context.current();
  const beat = setInterval(heartbeat, HEARTBEAT_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
  }
}
