import { z } from 'zod';
import { findDelivery } from '../db/deliveries.ts';
import { draftRefusal, noDelivery } from '../db/draft-refusal.ts';
import { decideDrafts } from '../db/drafts.ts';
import type { Db } from '../db/open.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery } from './schemas.ts';
import { shownDelivery } from './shown-delivery.ts';

export const reasonSchema = z.string().min(1).max(1_000);

const decisionBody = z
  .strictObject({ revision: z.int().min(1).optional(), reason: reasonSchema.optional() })
  .optional();

type Dependencies = { db: Db; wakeCarrier: () => void };

/** An operator's decision about one draft. */
export const decisionRoutes = ({ db, wakeCarrier }: Dependencies): Route[] =>
  (['approve', 'discard'] as const).map((decision) =>
    route({
      method: 'post',
      path: `/v1/deliveries/:id/${decision}`,
      scope: 'operate',
      params: idParams,
      query: noQuery,
      body: decisionBody,
      handle: async ({ params: { id }, body: { revision, reason } = {}, caller: { key, actor } }) => {
        const now = new Date();
        const by = { key, actor };
        const decided = await decideDrafts(db, [id], { by, decision, reason: reason ?? null, revision, now });
        const delivery = await findDelivery(db, id);
        if (!delivery) throw noDelivery(id);
        if (decided.length === 0) throw draftRefusal(delivery, { revision, now });
        wakeCarrier();
        return { status: 200, body: shownDelivery(delivery) };
      },
    }),
  );
