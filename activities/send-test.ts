import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import { changedAttributes } from '../db/people.ts';
import { endTest, openTest, type ClaimedTest } from '../db/test-sends.ts';
import { mapAnswer, UNMAPPED, type MappingResult } from '../domain/journey/map-answer.ts';
import { HANDLING_MS, LOST_TEST, type TestJob, type TestOutcome } from '../domain/journey/test-send.ts';
import { compileMapping } from '../domain/request/mapping.ts';
import { readAnswer } from './answer.ts';
import type { Exchange, Http } from './http.ts';
import { outgoingRequest } from './outgoing-request.ts';
import { shownExchange } from './shown-exchange.ts';
import { createReadSigningKeys } from './signing-keys.ts';

type Dependencies = { db: Db; cipher: Cipher; http: Http; userAgent: string; now: () => Date };

/**
 * Sends a claimed test once, as a delivery is sent, and stores what came of it and what its mapping would set. It is nobody's
 * attempt: no slot, breaker or rate limit of its destination holds it up or learns from it. A worker that stood still since it claimed it
 * sends nothing: nobody waits for the outcome any more.
 */
export function createSendTest({ db, cipher, http, userAgent, now }: Dependencies) {
  const signingKeys = createReadSigningKeys({ db, cipher, now });
  return async (test: ClaimedTest, signal: AbortSignal): Promise<void> => {
    const job = openTest(cipher, test);
    const { request, signing, timeoutMs } = job;
    const keys = await signingKeys();
    const outgoing = outgoingRequest(request, { id: test.id, signing, keys, userAgent, now: now() });
    const isLate = now().getTime() - test.claimedMs > HANDLING_MS;
    const outcome = isLate ? LOST_TEST : await outcomeOf(job, await http.send(outgoing, { timeoutMs, signal }), signal);
    await endTest(db, cipher, test.id, outcome);
  };
}

async function outcomeOf(job: TestJob, exchange: Exchange, signal: AbortSignal): Promise<TestOutcome> {
  if (exchange.status === null && signal.aborted) return LOST_TEST;
  const { responseHeaders, responseBody, ...shown } = shownExchange(exchange, job.request.secrets);
  const mapping = exchange.class === 'sent' ? await mapTest(job, exchange) : UNMAPPED;
  return { ...shown, headers: responseHeaders, body: responseBody.toString('utf8'), mapping };
}

/** As a delivery's answer is mapped, to the point where the person would be written. */
function mapTest({ attributes, person, request, scope }: TestJob, exchange: Exchange): Promise<MappingResult> {
  const { status, headers, bodyError } = exchange;
  const { secrets } = request;
  const seen = async () => ({ ...scope, secrets: Object.fromEntries(secrets.entries()) });
  return mapAnswer(
    attributes && compileMapping(attributes),
    { status, headers, answer: readAnswer(exchange), bodyError, scope: seen, secrets },
    async (changes) => void changedAttributes(person, changes),
  );
}
