import { z } from 'zod';
import { bulkAnswers, bulkFields, checkBulk, decideMany, type BulkDependencies } from './bulk.ts';
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

const rerenderBody = z
  .strictObject({ ...bulkFields(DECIDABLE), reason: reasonSchema.optional() })
  .superRefine(checkBulk);

const RESENDABLE = ['failed', 'sent'] as const;

const resendBody = z
  .strictObject({ ...bulkFields(RESENDABLE), retry: z.boolean().optional(), reason: reasonSchema.optional() })
  .superRefine(checkBulk);

/** What an operator does to many deliveries at once. */
export const bulkRoutes = (dependencies: BulkDependencies): Route[] => [
  route({
    method: 'post',
    path: '/v1/deliveries/decide',
    summary: 'Approves or discards many drafts',
    scope: 'operate',
    params: noParams,
    query: noQuery,
    body: decideBody,
    examples: [{ decision: 'approve', filter: { campaign: 'close-lead' }, expect: 120 }],
    answers: bulkAnswers,
    errors: ['deliveries.other_count', 'deliveries.too_many'],
    repeatable: true,
    handle: ({ body: { decision, reason = null, ...asked }, caller, db }) =>
      decideMany(db, dependencies, { task: { type: decision, reason }, states: DECIDABLE, asked, caller }),
  }),
  route({
    method: 'post',
    path: '/v1/deliveries/rerender',
    summary: 'Renders drafts again from the current version',
    scope: 'operate',
    params: noParams,
    query: noQuery,
    body: rerenderBody,
    examples: [{ filter: { campaign: 'close-lead' } }],
    answers: bulkAnswers,
    errors: ['deliveries.other_count', 'deliveries.too_many'],
    repeatable: true,
    handle: ({ body: { reason = null, ...asked }, caller, db }) =>
      decideMany(db, dependencies, { task: { type: 'rerender', reason }, states: DECIDABLE, asked, caller }),
  }),
  route({
    method: 'post',
    path: '/v1/deliveries/resend',
    summary: 'Sends many deliveries once more',
    scope: 'operate',
    params: noParams,
    query: noQuery,
    body: resendBody,
    examples: [{ filter: { host: 'api.example.com', createdAfter: '2026-11-21T18:00:00Z' }, retry: true }],
    answers: bulkAnswers,
    errors: ['deliveries.other_count', 'deliveries.too_many'],
    repeatable: true,
    handle: ({ body: { retry = false, reason = null, ...asked }, caller, db }) =>
      decideMany(db, dependencies, { task: { type: 'resend', retry, reason }, states: RESENDABLE, asked, caller }),
  }),
];
