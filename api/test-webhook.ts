import { z } from 'zod';
import { newId } from '../db/id.ts';
import { dropUnclaimedTest, insertTest, takeTestOutcome } from '../db/test-sends.ts';
import { sendPolicy } from '../domain/campaign/send-policy.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { HooklineError, type InputFault } from '../domain/errors.ts';
import { UNMAPPED } from '../domain/journey/map-answer.ts';
import { SUPPRESSED } from '../domain/journey/render-delivery.ts';
import { HANDLING_MS, LOST_TEST, PICK_UP_MS, type TestJob, type TestOutcome } from '../domain/journey/test-send.ts';
import { redactRequest, redactText } from '../domain/request/redact.ts';
import { compileRequest } from '../domain/request/request.ts';
import { shownError, type ShownError } from '../domain/request/shown-error.ts';
import { urlFaults } from '../domain/request/url-template.ts';
import { tested } from './answers/tried-out.ts';
import { route, type Route } from './route.ts';
import { noParams, noQuery } from './schemas.ts';
import { byName, shownMapping, shownRequest } from './shown-delivery.ts';
import { createReadStage, type ReadStage } from './test-stages.ts';
import { maskedSecrets, readSubject, refuseFaults, secretsFor, type Subject } from './try-out.ts';
import { readTriedWebhook, triedWebhookFaults, triedWebhookFields, type TryOutDependencies } from './tried-webhook.ts';

const testBody = z.strictObject({ ...triedWebhookFields, to: z.string().min(1).optional() });

type Body = z.infer<typeof testBody>;
type Dependencies = TryOutDependencies & { wakeTests: () => void };

/** Has a worker send a webhook once, and shows what came of it. Nothing about the person changes, and no delivery is made. */
export function testRoutes(dependencies: Dependencies): Route[] {
  const { db, destinations } = dependencies;
  const readStage = createReadStage(db);
  return [
    route({
      method: 'post',
      path: '/v1/webhooks/test',
      summary: 'Sends a request once and shows what came of it',
      scope: 'operate',
      params: noParams,
      query: noQuery,
      body: testBody,
      yaml: true,
      examples: [{ webhookId: 'welcome-sms', person: 'ada', trigger: { code: 4711 } }],
      answers: { 200: tested },
      errors: [
        'webhooks.invalid',
        'webhooks.not_found',
        'campaigns.not_found',
        'people.not_found',
        'people.too_large',
        'events.too_large',
        'worker.unavailable',
      ],
      handle: async ({ body }) => {
        refuseFaults([...triedWebhookFaults(body), ...addressFaults(body.to, destinations)]);
        const person = await readSubject(db, body);
        if (person.suppressed) return { status: 200, body: unsent(SUPPRESSED, []) };
        const id = newId('tst');
        const { job, missing, error } = await renderTest(dependencies, body, person, id);
        if (!job) return { status: 200, body: unsent(error, missing) };
        const outcome = shownOutcome(await sendOnce(dependencies, readStage, id, job));
        const { secrets, ...request } = job.request;
        const shown = shownRequest(redactRequest(request, secrets));
        return { status: 200, body: { idempotencyKey: id, request: shown, ...outcome, missing } };
      },
    }),
  ];
}

/** The job is null where the webhook does not render. */
async function renderTest(dependencies: Dependencies, { to, ...body }: Body, person: Subject, id: string) {
  const { webhook, defaults, scope } = await readTriedWebhook(dependencies, body, {
    person,
    delivery: id,
    secretsFor: to === undefined ? secretsFor : maskedSecrets,
  });
  const compiled = compileRequest({ ...webhook, url: to ?? webhook.url }, defaults);
  const { request: rendered, missing, problems } = compiled.inspect(scope);
  // What stands for secrets elsewhere is none.
  const secrets = to === undefined ? Object.values(scope.secrets) : [];
  const shownMissing = missing.map((name) => redactText(name, secrets));
  const error = problems[0] ? shownError(problems[0], secrets) : null;
  if (!rendered) return { job: null, missing: shownMissing, error };
  const { missing: _missing, ...request } = rendered;
  const { signing, timeoutMs } = sendPolicy(webhook, defaults);
  const job: TestJob = {
    request: { ...request, secrets },
    signing,
    timeoutMs,
    attributes: webhook.response?.attributes ?? null,
    person: { id: person.id, attributes: person.attributes },
    scope: { ...scope, secrets: {} },
  };
  return { job, missing: shownMissing, error };
}

/** Waits without holding a connection. Throws `worker.unavailable`, and it is never sent then. */
async function sendOnce(
  { db, cipher, wakeTests }: Dependencies,
  readStage: ReadStage,
  id: string,
  job: TestJob,
): Promise<TestOutcome> {
  const isPast = async (stage: 'waiting' | 'claimed', withinMs: number): Promise<boolean> => {
    for (const end = performance.now() + withinMs; performance.now() < end;) {
      const seen = await readStage(id);
      if (seen !== 'waiting' && seen !== stage) return true;
    }
    return false;
  };
  await insertTest(db, cipher, id, job);
  wakeTests();
  if (!(await isPast('waiting', PICK_UP_MS)) && (await dropUnclaimedTest(db, id))) {
    const message = `No worker took it up within ${PICK_UP_MS / 1000} s, and it will not be sent. Start one, or try again if all are busy.`;
    throw new HooklineError('worker.unavailable', message);
  }
  await isPast('claimed', job.timeoutMs + HANDLING_MS);
  return (await takeTestOutcome(db, cipher, id)) ?? LOST_TEST;
}

/** Templates in it are refused: they would say where the request goes. */
function addressFaults(to: string | undefined, destinations: DestinationRules): InputFault[] {
  if (to === undefined) return [];
  const messages = /\{[{%]/.test(to) ? ['write the URL out, without {{ }}'] : urlFaults(to, [], destinations);
  return messages.map((message) => ({ path: 'to', message }));
}

const unsent = (error: ShownError | null, missing: string[]) => ({
  idempotencyKey: null,
  request: null,
  response: null,
  class: null,
  error,
  durationMs: null,
  phases: null,
  mapping: shownMapping(UNMAPPED),
  missing,
});

const shownOutcome = ({ status, headers, body, truncated, mapping, ...outcome }: TestOutcome) => ({
  response: status === null ? null : { status, headers: byName(headers), body, truncated },
  class: outcome.class,
  error: outcome.error,
  durationMs: outcome.durationMs,
  phases: outcome.phases,
  mapping: shownMapping(mapping),
});
