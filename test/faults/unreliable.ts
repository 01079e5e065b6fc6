import { closeBeforeAnswer, reset, respond, type Behaviour } from '../support/behaviours.ts';
import type { ReceivedRequest } from '../support/receiver.ts';
import { seeded } from '../domain/condition/random-condition.ts';

/** What a receiver knows of one delivery, by its idempotency key. */
export type Received = {
  /** Of the body: what the request was for. */
  journey: string;
  /** Each set of bytes that came; more than one is a fault. */
  bytes: Set<string>;
  requests: number;
  /** How many came after one that was answered with success. */
  repeated: number;
  firstAt: number;
};

/** Longer than the time that a webhook has here. */
const TOO_LATE_MS = 2_500;

/**
 * Answers within a second, so that some requests are always under way. One in five fails: by a status, a reset, no answer, or one that
 * comes too late. Keeps what came. The order of arrival decides with the seed, so that a run can be tried again.
 */
export function unreliable(seed: number): { behaviour: Behaviour; received: Map<string, Received> } {
  const random = seeded(seed);
  const received = new Map<string, Received>();
  const succeeded = new Set<string>();
  const note = (key: string, request: ReceivedRequest) => {
    const { journey } = JSON.parse(request.body.toString()) as { journey: string };
    const known = received.get(key) ?? { journey, bytes: new Set(), requests: 0, repeated: 0, firstAt: Date.now() };
    known.bytes.add(`${request.method} ${request.url} ${request.headers['content-type']} ${request.body.toString()}`);
    known.requests += 1;
    if (succeeded.has(key)) known.repeated += 1;
    received.set(key, known);
  };
  return {
    received,
    behaviour(socket, request) {
      const key = request.headers['idempotency-key'] ?? '';
      note(key, request);
      const delayMs = random() * 1_000;
      const failure = Math.floor(random() * 25);
      if (failure === 0) return reset('headers')(socket, request);
      if (failure === 1) return closeBeforeAnswer()(socket, request);
      if (failure === 2) return respond({ status: 429, delayMs })(socket, request);
      if (failure === 3) return respond({ status: 503, delayMs })(socket, request);
      if (failure === 4) return respond({ delayMs: TOO_LATE_MS })(socket, request);
      succeeded.add(key);
      respond({ json: { amount: 1 }, delayMs })(socket, request);
    },
  };
}
