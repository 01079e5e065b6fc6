import { keepAnswer } from '../campaign/answers.ts';
import { settled, type SendPolicy } from '../campaign/send-policy.ts';
import { blocked, judgeUrl, type DestinationRules } from '../delivery/address.ts';
import { classifyError, classifyStatus, type Outcome } from '../delivery/outcome.ts';
import type { Json } from '../json.ts';
import { shownError } from '../request/shown-error.ts';
import type { Sent } from '../walk.ts';
import { mapAnswer, parseAnswer, UNMAPPED } from './map-answer.ts';
import { attributesOf, note, scopeNow, type Past, type SimulatedAnswer, type Simulation } from './simulation.ts';

const ALL_IS_WELL: SimulatedAnswer = { status: 200, headers: {}, body: '{}' };

/** Settles a delivery by the one answer that was given for it, and does with it what a worker does. */
export async function simulateSend(
  simulation: Simulation,
  past: Past,
  { delivery: id, step }: { delivery: string; step: string },
): Promise<Sent> {
  const { compiled, rules, answers } = simulation;
  const delivery = past.deliveries.get(id);
  if (!delivery?.frozen) throw new Error(`the delivery ${id} was not rendered`);
  const { url, secrets } = delivery.frozen;
  const webhook = compiled.webhook(step);
  const { status, headers, body } = answers[step] ?? ALL_IS_WELL;
  const refused = refusal(url, rules);
  const outcome = refused ?? classifyStatus(status, headers['location']);
  const answer = refused ? null : { status, class: outcome.class };
  if (outcome.class !== 'sent') {
    const error = shownError(outcome, secrets);
    note(past, step, 'failed', { delivery: id, error, ...attemptsOf(outcome, webhook.policy) });
    past.deliveries.set(id, { ...delivery, state: 'failed', answer, error, mapping: UNMAPPED });
    return settled('failed', webhook);
  }
  const parsed = parseAnswer(body);
  const ofRequest = { delivery: { id }, secrets: Object.fromEntries(secrets.entries()) };
  const scope = async () => scopeNow(simulation, past, ofRequest);
  const mapping = await mapAnswer(
    webhook.mapping(),
    { status, headers: Object.entries(headers), answer: parsed, bodyError: null, scope, secrets },
    attributesOf(simulation, past),
  );
  if (webhook.answerFields) past.responses[step] = keepAnswer(webhook.answerFields, status, parsed.value);
  note(past, step, 'sent', { delivery: id, status, attempts: 1 });
  past.deliveries.set(id, { ...delivery, state: 'sent', answer, mapping });
  return settled('sent', webhook);
}

/** As far as the URL shows: a name's addresses are judged when it is dialled. */
function refusal(text: string, rules: DestinationRules): Outcome | null {
  const url = new URL(text);
  const judged = judgeUrl(url, rules);
  return judged.allowed ? null : classifyError(blocked(url, judged.reason));
}

/** How often a real one would be tried depends on its receiver and on chance, so nothing is made up for retries. */
const attemptsOf = (outcome: Outcome, { times }: SendPolicy): Record<string, Json> =>
  outcome.class === 'retryable' && times > 0
    ? { note: `up to ${times} retries are taken to have failed too, and no time for them passes` }
    : { attempts: 1 };
