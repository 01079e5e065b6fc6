import { z } from 'zod';
import { findDelivery, type DeliveryDetail } from '../db/deliveries.ts';
import { decideDrafts } from '../db/drafts.ts';
import type { Db } from '../db/open.ts';
import { HooklineError } from '../domain/errors.ts';
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
        if (!delivery) throw notFound(id);
        if (decided.length === 0) throw refusal(delivery, { revision, now });
        wakeCarrier();
        return { status: 200, body: shownDelivery(delivery) };
      },
    }),
  );

export const notFound = (id: string) =>
  new HooklineError('deliveries.not_found', `No delivery has the id "${id}". GET /v1/deliveries lists them.`);

/** Why a delivery could not be decided. */
function refusal(
  {
    id,
    state,
    decision,
    revision,
    expiresAt,
  }: Pick<DeliveryDetail, 'id' | 'state' | 'decision' | 'revision' | 'expiresAt'>,
  asked: { revision?: number | undefined; now: Date },
): HooklineError {
  if (state !== 'drafted') {
    const when = decision ? ` It was decided at ${decision.at}: ${decision.decision}.` : '';
    return new HooklineError(
      'deliveries.not_drafted',
      `The delivery "${id}" is ${state}, and only drafts are decided.${when}`,
    );
  }
  if (expiresAt !== null && expiresAt <= asked.now) {
    return new HooklineError('deliveries.expired', `The draft "${id}" expired at ${expiresAt.toISOString()}.`);
  }
  const message = `The draft "${id}" has the revision ${revision}, not ${asked.revision}. Look at it again, then decide.`;
  return new HooklineError('deliveries.revision', message);
}
