import { z } from 'zod';
import { SIMULATED } from '../domain/journey/simulation.ts';
import { previewRequest } from '../domain/request/preview.ts';
import { compileRequest } from '../domain/request/request.ts';
import { preview } from './answers/tried-out.ts';
import { route, type Route } from './route.ts';
import { noParams, noQuery } from './schemas.ts';
import { shownRequest } from './shown-delivery.ts';
import { readSubject, refuseFaults, secretsFor } from './try-out.ts';
import { readTriedWebhook, triedWebhookFaults, triedWebhookFields, type TryOutDependencies } from './tried-webhook.ts';

/** Renders a webhook for one person and says all that is wrong with it; nothing is sent or stored. */
export const previewRoutes = (dependencies: TryOutDependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/webhooks/preview',
    summary: 'Renders a request without sending it',
    scope: 'operate',
    params: noParams,
    query: noQuery,
    body: z.strictObject(triedWebhookFields),
    yaml: true,
    examples: [{ webhook: { url: 'https://example.com/{{ customer.id }}' }, customer: { id: 'ada' } }],
    answers: { 200: preview },
    errors: [
      'webhooks.invalid',
      'webhooks.not_found',
      'campaigns.not_found',
      'people.not_found',
      'people.too_large',
      'events.too_large',
    ],
    handle: async ({ body }) => {
      refuseFaults(triedWebhookFaults(body));
      const person = await readSubject(dependencies.db, body);
      const delivery = SIMULATED.delivery(1);
      const { webhook, defaults, scope } = await readTriedWebhook(dependencies, body, { person, delivery, secretsFor });
      const compiled = compileRequest(webhook, defaults);
      const { request, missing, problems } = previewRequest(compiled, scope, dependencies.destinations);
      return { status: 200, body: { request: request && shownRequest(request), missing, problems } };
    },
  }),
];
