import { finishAttempt, latestAttempt, lockDelivery, moveDelivery, type AttemptEnd } from '../db/deliveries.ts';
import { lockPerson } from '../db/people.ts';
import { storableText } from '../domain/json.ts';
import { redactHeaders, redactText } from '../domain/redact.ts';
import { decideRetry, nextDelayMs } from '../domain/retry.ts';
import type { Sent } from '../domain/walk.ts';
import { keptAnswer, readAnswer } from './answer.ts';
import { applyMapping } from './apply-mapping.ts';
import { logDelivery, settled, type ClaimedAttempt } from './claim-attempt.ts';
import type { Exchange } from './http.ts';
import type { SendDependencies } from './send-webhook.ts';

const MAX_STORED_BODY_BYTES = 16 * 1024;

export type Finished = { type: 'settled'; sent: Sent } | { type: 'retry'; delayMs: number; message: string };

/**
 * Stores what came of an attempt, in one transaction: the attempt's row, the delivery's state, and for a 2xx the mapping and the
 * kept part of the answer. It counts only for the latest attempt, but a 2xx always wins. A repeat changes nothing more.
 */
export function finishSend(
  dependencies: SendDependencies,
  claimed: ClaimedAttempt,
  exchange: Exchange,
): Promise<Finished> {
  const { db, now, random, firstDelayMs } = dependencies;
  const { policy, number, id } = claimed;
  return db.transaction(async (tx): Promise<Finished> => {
    const gone = { type: 'settled', sent: { state: 'failed', exit: true, detail: 'the person was erased' } } as const;
    const person = exchange.class === 'sent' ? await lockPerson(tx, claimed.delivery.personKey) : undefined;
    const delivery = await lockDelivery(tx, claimed.delivery.id);
    if (!delivery || (exchange.class === 'sent' && !person)) return gone;

    if (person && delivery.state !== 'sent') {
      const answer = readAnswer(exchange);
      await finishAttempt(tx, id, attemptEnd(exchange, claimed, null));
      await moveDelivery(tx, delivery.id, {
        state: 'sent',
        error: null,
        nextAttemptAt: null,
        mapping: await applyMapping({ ...dependencies, db: tx }, claimed, person, exchange, answer),
        answer: keptAnswer(dependencies.cipher, claimed, exchange, answer),
      });
      await logDelivery(tx, delivery, 'sent', { status: exchange.status, attempts: number });
      return { type: 'settled', sent: settled('sent', policy, delivery.stepId) };
    }
    if (delivery.state === 'sent' || delivery.state === 'failed') {
      await finishAttempt(tx, id, attemptEnd(exchange, claimed, null));
      return { type: 'settled', sent: settled(delivery.state, policy, delivery.stepId) };
    }
    if ((await latestAttempt(tx, delivery.id)) !== id) {
      await finishAttempt(tx, id, attemptEnd(exchange, claimed, null));
      return { type: 'retry', delayMs: firstDelayMs, message: 'a later attempt is under way' };
    }

    const at = now();
    const delayMs = nextDelayMs({ attempt: number, firstDelayMs, retryAfterMs: exchange.retryAfterMs, random });
    const { times, withinMs } = policy;
    const { firstAttemptAt } = claimed;
    const next =
      exchange.class === 'retryable'
        ? decideRetry({ attempt: number, times, withinMs, firstAttemptAt, now: at, delayMs })
        : ({ retry: false } as const);
    const error = exchange.error ?? { code: 'unexpected', message: 'The attempt failed without saying why.' };
    const nextAttemptAt = next.retry ? next.at : null;
    await finishAttempt(tx, id, attemptEnd(exchange, claimed, nextAttemptAt));
    await moveDelivery(tx, delivery.id, {
      state: next.retry ? 'attempted' : 'failed',
      error: shown(error, claimed),
      nextAttemptAt,
    });
    if (next.retry) return { type: 'retry', delayMs: next.at.getTime() - at.getTime(), message: error.message };
    await logDelivery(tx, delivery, 'failed', { error: shown(error, claimed), attempts: number });
    return { type: 'settled', sent: settled('failed', policy, delivery.stepId) };
  });
}

const shown = (error: { code: string; message: string }, { request }: ClaimedAttempt) => ({
  code: error.code,
  message: storableText(redactText(error.message, request.secrets)),
});

function attemptEnd(exchange: Exchange, claimed: ClaimedAttempt, nextAttemptAt: Date | null): AttemptEnd {
  const { secrets } = claimed.request;
  const error = exchange.error ?? exchange.bodyError;
  const body = exchange.body.subarray(0, MAX_STORED_BODY_BYTES);
  return {
    class: exchange.class,
    durationMs: Math.round(exchange.durationMs),
    status: exchange.status,
    error: error && shown(error, claimed),
    responseHeaders: redactHeaders(exchange.headers, secrets),
    // Latin-1 keeps every byte, so that a body that is no UTF-8 is stored as it came.
    responseBody: Buffer.from(redactText(body.toString('latin1'), secrets.map(asLatin1)), 'latin1'),
    truncated: exchange.truncated || exchange.body.length > MAX_STORED_BODY_BYTES,
    nextAttemptAt,
  };
}

const asLatin1 = (secret: string) => Buffer.from(secret, 'utf8').toString('latin1');
