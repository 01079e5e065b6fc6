import { z } from 'zod';
import { findDelivery, type DeliveryDetail } from '../db/deliveries.ts';
import { noDelivery } from '../db/draft-refusal.ts';
import { requestResends } from '../db/resends.ts';
import { refusesResend } from '../db/tasks.ts';
import { HooklineError } from '../domain/errors.ts';
import { delivery as deliveryAnswer } from './answers/deliveries.ts';
import { reasonSchema } from './decisions.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery } from './schemas.ts';
import { shownDelivery } from './shown-delivery.ts';

type Dependencies = { now: () => Date; wakeCarrier: () => void };

/** Sends one delivery once more. */
export const resendRoutes = ({ now, wakeCarrier }: Dependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/deliveries/:id/resend',
    summary: 'Sends a delivery once more',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: z.strictObject({ retry: z.boolean().optional(), reason: reasonSchema.optional() }).optional(),
    examples: [{ retry: true, reason: 'the receiver is back' }],
    answers: { 200: deliveryAnswer },
    errors: ['deliveries.not_found', 'deliveries.not_settled', 'deliveries.not_rendered', 'deliveries.under_way'],
    repeatable: true,
    handle: async ({ params: { id }, body: { retry = false, reason = null } = {}, caller: { key, actor }, db }) => {
      const started = await requestResends(db, [id], { by: { key, actor }, reason, retry, lane: 0 });
      const delivery = await findDelivery(db, id);
      if (!delivery) throw noDelivery(id);
      if (started.length === 0) throw refusal(delivery);
      return { status: 200, body: shownDelivery(delivery, now()), after: wakeCarrier };
    },
  }),
];

function refusal({ id, state, frozen }: DeliveryDetail): HooklineError {
  const code = refusesResend({ state, rendered: frozen !== null });
  const messages: Partial<Record<typeof code, string>> = {
    'deliveries.not_settled': `The delivery "${id}" is ${state}, and only what was sent or has failed is sent again.`,
    'deliveries.not_rendered': `The delivery "${id}" has no request to send: it never rendered, as its error says, or is older than bodies are kept (HOOKLINE_RETENTION).`,
  };
  const underWay = `The delivery "${id}" is being sent already: its resends and attempts show how far that is.`;
  return new HooklineError(code, messages[code] ?? underWay);
}
