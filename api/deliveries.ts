import { z } from 'zod';
import { findDelivery } from '../db/deliveries.ts';
import { listDeliveries } from '../db/delivery-list.ts';
import { noDelivery } from '../db/draft-refusal.ts';
import type { Db } from '../db/open.ts';
import { DELIVERY_STATES } from '../db/schema/deliveries.ts';
import { page as pageOf } from './answers/common.ts';
import { delivery as deliveryAnswer } from './answers/deliveries.ts';
import { checkFilter, deliveryFilter } from './delivery-filter.ts';
import { route, type Route } from './route.ts';
import { idParams, noParams, noQuery, pageQuery, versionNumber } from './schemas.ts';
import { shownDeliveries, shownDelivery } from './shown-delivery.ts';

const listQuery = z
  .strictObject({
    ...pageQuery,
    ...deliveryFilter,
    state: z.enum(DELIVERY_STATES).optional(),
    version: versionNumber.optional(),
    include: z.enum(['bodies']).optional(),
    stuck: z.enum(['true', 'false']).optional(),
  })
  .superRefine(checkFilter);

export const deliveryRoutes = ({ db, now }: { db: Db; now: () => Date }): Route[] => [
  route({
    method: 'get',
    path: '/v1/deliveries',
    summary: 'Lists deliveries with their attempts',
    scope: 'operate',
    params: noParams,
    query: listQuery,
    body: null,
    answers: { 200: pageOf(deliveryAnswer) },
    handle: async ({ query: { include, stuck, limit, order, cursor, createdAfter, createdBefore, ...named } }) => {
      const page = { limit, order, cursor, createdAfter, createdBefore };
      const filter = { ...named, stuck: stuck === 'true' };
      const { data, nextCursor } = await listDeliveries(db, page, filter, { withBodies: include === 'bodies' });
      return { status: 200, body: { data: shownDeliveries(data, now()), nextCursor } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/deliveries/:id',
    summary: 'Shows a delivery with its attempts',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: deliveryAnswer },
    errors: ['deliveries.not_found'],
    handle: async ({ params }) => {
      const delivery = await findDelivery(db, params.id);
      if (!delivery) throw noDelivery(params.id);
      return { status: 200, body: shownDelivery(delivery, now()) };
    },
  }),
];
