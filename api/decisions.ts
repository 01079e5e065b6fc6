import { z } from 'zod';
import { findDelivery } from '../db/deliveries.ts';
import { draftRefusal, noDelivery } from '../db/draft-refusal.ts';
import { decideDrafts } from '../db/drafts.ts';
import { delivery as deliveryAnswer } from './answers/deliveries.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery, ordinal } from './schemas.ts';
import { shownDelivery } from './shown-delivery.ts';

export const reasonSchema = z.string().min(1).max(1_000);

const decisionBody = z.strictObject({ revision: ordinal.optional(), reason: reasonSchema.optional() }).optional();

const SUMMARY = { approve: 'Lets a draft be sent', discard: 'Drops a draft' };

type Dependencies = { now: () => Date; wakeCarrier: () => void };

/** An operator's decision about one draft. */
export const decisionRoutes = ({ now, wakeCarrier }: Dependencies): Route[] =>
  (['approve', 'discard'] as const).map((decision) =>
    route({
      method: 'post',
      path: `/v1/deliveries/:id/${decision}`,
      summary: SUMMARY[decision],
      scope: 'operate',
      params: idParams,
      query: noQuery,
      body: decisionBody,
      examples: [{ revision: 1, reason: 'looked at it' }],
      answers: { 200: deliveryAnswer },
      errors: ['deliveries.not_found', 'deliveries.not_drafted', 'deliveries.expired', 'deliveries.revision'],
      repeatable: true,
      handle: async ({ params: { id }, body: { revision, reason } = {}, caller: { key, actor }, db }) => {
        const at = now();
        const by = { key, actor };
        const decided = await decideDrafts(db, [id], { by, decision, reason: reason ?? null, revision, now: at });
        const delivery = await findDelivery(db, id);
        if (!delivery) throw noDelivery(id);
        if (decided.length === 0) throw draftRefusal(delivery, { revision, now: at });
        return { status: 200, body: shownDelivery(delivery, at), after: wakeCarrier };
      },
    }),
  );
