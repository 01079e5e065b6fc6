import { z } from 'zod';
import type { DestinationRules } from '../delivery/address.ts';
import { findFaults, nameSteps, sizeFault } from './campaign-faults.ts';
import { conditionSchema } from '../condition/condition.ts';
import { HooklineError, type InputFault } from '../errors.ts';
import { unknownType } from '../input/explain.ts';
import { inspect, placeOf, summary } from '../input/faults.ts';
import { placesOf } from './places.ts';
import { compilePlan } from './plan.ts';
import { referenceFindings } from './references.ts';
import type { Plan } from '../walk.ts';
import { idSchema, innerSteps, stepsSchema, type Step } from './steps.ts';
import { webhookDefaultsSchema } from './webhook.ts';
import { ianaZoneSchema } from '../time/zone.ts';

const eventTrigger = z.strictObject({
  type: z.literal('event'),
  event: z.string().min(1).max(255),
  where: conditionSchema.optional(),
});

const manualTrigger = z.strictObject({ type: z.literal('manual') });

/** What makes a person enter. */
const triggerSchema = z.discriminatedUnion('type', [eventTrigger, manualTrigger], {
  error: unknownType('trigger'),
});

/** How often a person may enter, and in how many journeys of the campaign they may be at a time (1 to 100). */
const entrySchema = z.strictObject({
  frequency: z.enum(['once', 'everyTime']).optional(),
  maxConcurrent: z.int().min(1).max(100).optional(),
});

/** A campaign's definition. `validateCampaign` also checks what a schema cannot say. */
export const campaignSchema = z.strictObject({
  id: idSchema('gold-members')
    .optional()
    .transform((id) => id ?? ''),
  name: z.string().min(1).max(255).optional(),
  trigger: triggerSchema,
  audience: conditionSchema.optional(),
  entry: entrySchema.optional(),
  timezone: ianaZoneSchema.optional(),
  defaults: webhookDefaultsSchema.optional(),
  steps: stepsSchema.min(1),
});
export type Campaign = z.infer<typeof campaignSchema>;

/**
 * Validates a definition, the one at `pathId` where it came by a path, and gives every step an id. With `rules`, literal URLs
 * are judged too. Warnings do not refuse it. Throws `campaigns.invalid` with every fault in one pass.
 */
export function validateCampaign(
  input: unknown,
  pathId?: string,
  rules?: DestinationRules,
): { campaign: Campaign; plan: Plan; warnings: string[] } {
  const tooBig = sizeFault(input);
  if (tooBig) throw invalid([tooBig]);
  const named = nameSteps(input, pathId);
  const result = inspect(campaignSchema, named);
  const misfits = result.success ? [] : result.faults;
  const { faults, warnings } = findFaults(named, misfits, { pathId, rules });
  const errors = [...misfits.map(({ at, message }) => ({ path: placeOf(at), message })), ...faults];
  if (!result.success || errors.length > 0) throw invalid(errors);
  return { campaign: result.data, plan: compilePlan(result.data), warnings };
}

/** What `validateCampaign` warned of when a campaign was published. */
export const warningsOf = (campaign: Campaign): string[] =>
  referenceFindings(campaign, placesOf(campaign.steps)).warnings;

/** The step of that id, at any depth. */
export function findStep(campaign: Pick<Campaign, 'steps'>, id: string): Step | undefined {
  return allSteps(campaign.steps).find((step) => step.id === id);
}

/** The entry rules with the defaults of the trigger's type: `event` and `manual` enter every time, up to 100 at once. */
export function entryRules(campaign: Pick<Campaign, 'entry'>): { once: boolean; maxConcurrent: number } {
  const { frequency = 'everyTime', maxConcurrent = 100 } = campaign.entry ?? {};
  return { once: frequency === 'once', maxConcurrent };
}

/** Every step, at any depth, in the order written. */
export function allSteps(steps: Step[]): Step[] {
  return steps.flatMap((step) => [step, ...innerSteps(step).flatMap(allSteps)]);
}

function invalid(errors: InputFault[]): HooklineError {
  return new HooklineError('campaigns.invalid', summary('the campaign', errors), { errors });
}
