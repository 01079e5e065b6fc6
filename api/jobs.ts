import { findJob, type JobDetail } from '../db/jobs.ts';
import type { Db } from '../db/open.ts';
import { HooklineError } from '../domain/errors.ts';
import { job as jobAnswer, type ShownJob } from './answers/deliveries.ts';
import { route, type Route } from './route.ts';
import { idParams, noQuery } from './schemas.ts';

/** How far a task for many deliveries has come. */
export const jobRoutes = ({ db }: { db: Db }): Route[] => [
  route({
    method: 'get',
    path: '/v1/jobs/:id',
    summary: 'Shows how far a job for many deliveries has come',
    scope: 'operate',
    params: idParams,
    query: noQuery,
    body: null,
    answers: { 200: jobAnswer },
    errors: ['jobs.not_found'],
    handle: async ({ params: { id } }) => {
      const job = await findJob(db, id);
      if (!job) throw new HooklineError('jobs.not_found', `No job has the id "${id}".`);
      return { status: 200, body: shownJob(job) };
    },
  }),
];

function shownJob({ id, task, matched, decided, refused, createdAt, endedAt }: JobDetail): ShownJob {
  const begun = decided + refused.length > 0;
  const state = endedAt ? 'completed' : begun ? 'running' : 'queued';
  return { id, type: task.type, state, matched, decided, refused, createdAt, endedAt };
}
