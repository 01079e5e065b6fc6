import { z } from 'zod';
import { findDelivery } from '../db/deliveries.ts';
import { listDeliveries } from '../db/delivery-list.ts';
import type { Db } from '../db/open.ts';
import { DELIVERY_STATES } from '../db/schema/deliveries.ts';
import { notFound } from './decisions.ts';
import { route, type Route } from './route.ts';
import { clientId, idParams, noParams, noQuery, pageQuery } from './schemas.ts';
import { shownDelivery } from './shown-delivery.ts';

const HOST = 'write a host such as api.example.com or api.example.com:8443';

/** The host of a destination; with a port only that one, also where it is the scheme's own, which origins leave out. */
const host = z
  .string()
  .refine((text) => /^[^\s/?#\\@]+$/.test(text) && URL.canParse(`https://${text}`), { error: HOST, abort: true })
  .transform((text) => {
    const origins = [`https://${text}`, `http://${text}`].map((url) => new URL(url).origin);
    return { name: new URL(`https://${text}`).hostname, origins: /:\d+$/.test(text) ? origins : null };
  });

const version = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, 'write the number of a version, such as 2')
  .transform(Number);

const deliveryFilter = {
  state: z.enum(DELIVERY_STATES).optional(),
  campaign: clientId.optional(),
  webhook: clientId.optional(),
  step: clientId.optional(),
  version: version.optional(),
  person: clientId.optional(),
  host: host.optional(),
};

const listQuery = z
  .strictObject({ ...pageQuery, ...deliveryFilter, include: z.enum(['bodies']).optional() })
  .superRefine(({ campaign, webhook, person, step, version: number }, context) => {
    if (campaign !== undefined || person !== undefined) return;
    const refuse = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
    if (step !== undefined) refuse('step', 'a step belongs to a campaign: send campaign too, or person');
    if (number !== undefined && webhook === undefined)
      refuse('version', 'a version belongs to a campaign or a webhook: send campaign or webhook too, or person');
  });

export const deliveryRoutes = ({ db }: { db: Db }): Route[] => [
  route({
    method: 'get',
    path: '/v1/deliveries',
    scope: 'operate',
    params: noParams,
    query: listQuery,
    body: null,
    handle: async ({ query: { include, limit, order, cursor, createdAfter, createdBefore, ...filter } }) => {
      const page = { limit, order, cursor, createdAfter, createdBefore };
      const { data, nextCursor } = await listDeliveries(db, page, filter, { withBodies: include === 'bodies' });
      return { status: 200, body: { data: data.map(shownDelivery), nextCursor } };
    },
  }),
  route({
    method: 'get',
    path: '/v1/deliveries/:id',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    handle: async ({ params }) => {
      const delivery = await findDelivery(db, params.id);
      if (!delivery) throw notFound(params.id);
      return { status: 200, body: shownDelivery(delivery) };
    },
  }),
];
