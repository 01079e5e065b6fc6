import { createHash } from 'node:crypto';
import { z } from 'zod';
import { createBroadcast, findUnknownSegments, type BroadcastResult, type NewBroadcast } from '../db/broadcasts.ts';
import type { Db } from '../db/open.ts';
import { audienceFaults, audienceSegments } from '../domain/campaign/audience-faults.ts';
import { conditionSchema } from '../domain/condition/condition.ts';
import { HooklineError, type InputFault } from '../domain/errors.ts';
import { assertDataFits, assertItems } from './body.ts';
import { noCampaign } from './campaigns.ts';
import type { Route } from './route.ts';
import { clientId, fields } from './schemas.ts';
import { unknownPeople } from './unknown-people.ts';

export const triggerBody = z
  .strictObject({
    people: z.array(clientId).min(1).optional(),
    audience: conditionSchema.optional(),
    data: fields.default({}),
    id: clientId.optional(),
  })
  .superRefine(({ people, audience }, ctx) => {
    if (people && audience)
      ctx.addIssue({ code: 'custom', path: ['audience'], message: 'write people or audience, not both' });
    if (!people && !audience)
      ctx.addIssue({ code: 'custom', path: ['people'], message: 'is missing; write a list, or an audience' });
  });

type TriggerBody = z.infer<typeof triggerBody>;

/** The codes that a trigger is refused with. */
export const TRIGGER_ERRORS = [
  'campaigns.not_found',
  'campaigns.state',
  'events.too_large',
  'idempotency.mismatch',
] satisfies Route['errors'];

/** Enters people into a campaign by hand: those who are named, or an audience. Answers the broadcast's id; throws why nobody entered. */
export async function trigger(db: Db, campaign: string, body: TriggerBody): Promise<string> {
  assertDataFits(body.data);
  const { meant, hashed } = await readMeant(db, body);
  const requestHash = createHash('sha256')
    .update(JSON.stringify([hashed, body.data]))
    .digest('hex');
  const result = await createBroadcast(db, { campaign, meant, data: body.data, requestId: body.id, requestHash });
  if (!('id' in result)) throw refused(result, campaign, body);
  return result.id;
}

/**
 * Whom a trigger means, and what a repeat under the same id has to have in common with it. That a segment is unknown is no fault here:
 * it may have been there when the request first came.
 */
async function readMeant(
  db: Db,
  { people, audience }: TriggerBody,
): Promise<{ meant: NewBroadcast['meant']; hashed: unknown }> {
  if (audience) {
    const segments = audienceSegments(audience);
    const faults = (unknown: string[]) => audienceFaults(audience, new Set(unknown));
    if (faults([]).length > 0) throw invalidAudience(faults(await findUnknownSegments(db, segments)));
    return { meant: { audience, segments }, hashed: { audience } };
  }
  assertItems(people ?? []);
  const named = [...new Set(people)];
  return { meant: { people: named }, hashed: named };
}

const invalidAudience = (errors: InputFault[]) =>
  new HooklineError('input.invalid', 'The audience is invalid.', { errors });

type Refused = Exclude<BroadcastResult, { type: 'stored' | 'repeated' }>;

function refused(result: Refused, campaign: string, body: TriggerBody): HooklineError {
  switch (result.type) {
    case 'noCampaign':
      return noCampaign(campaign);
    case 'notManual':
      return new HooklineError(
        'campaigns.state',
        `Campaign ${campaign} starts by ${result.trigger}; only a manual one can be triggered.`,
      );
    case 'notLive':
      return new HooklineError(
        'campaigns.state',
        `Campaign ${campaign} is ${result.state}; POST /v1/campaigns/${campaign}/${result.state === 'paused' ? 'resume' : 'start'} first.`,
      );
    case 'unknownSegments':
      return invalidAudience(body.audience ? audienceFaults(body.audience, new Set(result.segments)) : []);
    case 'mismatch':
      return new HooklineError(
        'idempotency.mismatch',
        `The id "${body.id}" was used for a trigger with other people, another audience or other data. Take a new id.`,
      );
    case 'unknownPeople':
      return unknownPeople(body, new Set(result.people), 'nobody was entered');
  }
}
