import { z } from 'zod';
import type { Db } from '../db/open.ts';
import { bulkFields, checkBulk, decideMany } from './bulk.ts';
import { reasonSchema } from './decisions.ts';
import { route, type Route } from './route.ts';
import { noParams, noQuery } from './schemas.ts';

const DECIDABLE = ['drafted'] as const;

const decideBody = z
  .strictObject({
    ...bulkFields(DECIDABLE),
    decision: z.enum(['approve', 'discard']),
    reason: reasonSchema.optional(),
  })
  .superRefine(checkBulk);

const RESENDABLE = ['failed', 'sent'] as const;

const resendBody = z
  .strictObject({ ...bulkFields(RESENDABLE), retry: z.boolean().optional(), reason: reasonSchema.optional() })
  .superRefine(checkBulk);

/** What an operator does to many deliveries at once. */
export const bulkRoutes = (dependencies: { db: Db; wakeCarrier: () => void }): Route[] => [
  route({
    method: 'post',
    path: '/v1/deliveries/decide',
    scope: 'operate',
    params: noParams,
    query: noQuery,
    body: decideBody,
    handle: ({ body: { decision, reason = null, ...asked }, caller }) =>
      decideMany(dependencies, { task: { type: decision, reason }, states: DECIDABLE, asked, caller }),
  }),
  route({
    method: 'post',
    path: '/v1/deliveries/resend',
    scope: 'operate',
    params: noParams,
    query: noQuery,
    body: resendBody,
    handle: ({ body: { retry = false, reason = null, ...asked }, caller }) =>
      decideMany(dependencies, { task: { type: 'resend', retry, reason }, states: RESENDABLE, asked, caller }),
  }),
];
