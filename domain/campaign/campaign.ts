import { z } from 'zod';
import type { DestinationRules } from '../delivery/address.ts';
import { findFaults, nameSteps, ruleWarnings, sizeFault } from './campaign-faults.ts';
import { conditionSchema } from '../condition/condition.ts';
import { HooklineError, type InputFault } from '../errors.ts';
import { unknownType } from '../input/explain.ts';
import { durationSchema } from '../input/duration.ts';
import { inspect, placeOf, summary } from '../input/faults.ts';
import { idSchema } from '../input/id.ts';
import { placesOf } from './places.ts';
import { compilePlan } from './plan.ts';
import { referenceFindings } from './references.ts';
import type { Plan } from '../walk.ts';
import { innerSteps, stepsSchema, type Step } from './steps.ts';
import { webhookDefaultsSchema } from './webhook.ts';
import { dateTriggerSchema } from '../time/date-trigger.ts';
import { scheduleTriggerSchema } from '../time/schedule.ts';
import { ianaZoneSchema } from '../time/zone.ts';

const eventTrigger = z.strictObject({
  type: z.literal('event'),
  event: z.string().min(1).max(255),
  where: conditionSchema.optional(),
});

const manualTrigger = z.strictObject({ type: z.literal('manual') });

/** When somebody comes to belong to a segment, or leaves it; with `includeCurrent` also who belongs to it at the start. */
const segmentTrigger = z
  .strictObject({
    type: z.literal('segment'),
    segment: idSchema('gold'),
    change: z.enum(['enter', 'leave']),
    includeCurrent: z.boolean().optional(),
  })
  .superRefine(({ change, includeCurrent }, context) => {
    if (change === 'enter' || !includeCurrent) return;
    const message = 'is for change: enter; who belongs to the segment has not left it';
    context.addIssue({ code: 'custom', path: ['includeCurrent'], message });
  });

/** When an attribute changes, whatever changed it; a missing one counts as `null`. */
const attributeTrigger = z.strictObject({
  type: z.literal('attribute'),
  attribute: z.string().min(1).max(255),
  to: z.json().optional(),
  from: z.json().optional(),
});

/** What makes a person enter. */
const triggerSchema = z.discriminatedUnion(
  'type',
  [eventTrigger, segmentTrigger, attributeTrigger, dateTriggerSchema, scheduleTriggerSchema, manualTrigger],
  { error: unknownType('trigger') },
);
export type Trigger = z.infer<typeof triggerSchema>;

/** How often a person may enter, in how many journeys of the campaign they may be at a time (1 to 100), and how often within an hour. */
const entrySchema = z.strictObject({
  frequency: z
    .union([z.enum(['once', 'everyTime']), z.strictObject({ oncePer: durationSchema() })], {
      error: 'write once, everyTime, or { oncePer: 7d }',
    })
    .optional(),
  maxConcurrent: z.int().min(1).max(100).optional(),
  maxPerHour: z.int().min(1).max(1_000_000).optional(),
});

/** What a campaign is for: this event, within a time after entry, is a conversion; with `exit` it also ends the journey. */
const goalSchema = z.strictObject({
  event: z.string().min(1).max(255),
  where: conditionSchema.optional(),
  within: durationSchema({ max: '365d' }),
  exit: z.boolean().optional(),
});

/** What ends a journey wherever it is, and whether who does not belong to the audience any more gets nothing. */
const exitSchema = z.strictObject({
  events: z.array(z.string().min(1).max(255)).min(1).max(100).optional(),
  whenNotInAudience: z.boolean().optional(),
});

/** A campaign's definition. `validateCampaign` also checks what a schema cannot say. */
export const campaignSchema = z
  .strictObject({
    id: idSchema('gold-members')
      .optional()
      .transform((id) => id ?? ''),
    name: z.string().min(1).max(255).optional(),
    trigger: triggerSchema,
    audience: conditionSchema.optional(),
    entry: entrySchema.optional(),
    goal: goalSchema.optional(),
    exit: exitSchema.optional(),
    timezone: ianaZoneSchema.optional(),
    defaults: webhookDefaultsSchema.optional(),
    steps: stepsSchema.min(1),
  })
  .meta({ id: 'CampaignDefinition' });
export type Campaign = z.infer<typeof campaignSchema>;

/**
 * Validates a definition, the one at `pathId` where it came by a path, and gives every step an id. With `rules`, literal URLs
 * are judged too, with `segments` which of them are named. Warnings do not refuse it. Throws `campaigns.invalid` with every fault in one pass.
 */
export function validateCampaign(
  input: unknown,
  pathId?: string,
  rules?: DestinationRules,
  segments?: readonly string[],
): { campaign: Campaign; plan: Plan; warnings: string[] } {
  const tooBig = sizeFault(input);
  if (tooBig) throw invalid([tooBig]);
  const named = nameSteps(input, pathId);
  const result = inspect(campaignSchema, named);
  const misfits = result.success ? [] : result.faults;
  const { faults, warnings } = findFaults(named, misfits, { pathId, rules, segments });
  const errors = [...misfits.map(({ at, message }) => ({ path: placeOf(at), message })), ...faults];
  if (!result.success || errors.length > 0) throw invalid(errors);
  return { campaign: result.data, plan: compilePlan(result.data), warnings };
}

/** What `validateCampaign` warned of when a campaign was published. */
export const warningsOf = (campaign: Campaign): string[] => [
  ...referenceFindings(campaign, placesOf(campaign.steps)).warnings,
  ...ruleWarnings(campaign),
];

/** The step of that id, at any depth. */
export function findStep(campaign: Pick<Campaign, 'steps'>, id: string): Step | undefined {
  return allSteps(campaign.steps).find((step) => step.id === id);
}

export type EntryRules = Required<z.infer<typeof entrySchema>>;

const OFTEN = { frequency: 'everyTime', maxConcurrent: 100 } as const;
const SELDOM = { frequency: 'once', maxConcurrent: 1 } as const;

/** What each type of trigger makes of entry rules that a campaign leaves out. */
const ENTRY_DEFAULTS: Record<Trigger['type'], Omit<EntryRules, 'maxPerHour'>> = {
  event: OFTEN,
  manual: OFTEN,
  schedule: { ...OFTEN, maxConcurrent: 1 },
  segment: SELDOM,
  attribute: SELDOM,
  date: SELDOM,
};

/** The entry rules with the defaults of the trigger's type. */
export const entryRules = ({ entry = {}, trigger }: Pick<Campaign, 'entry' | 'trigger'>): EntryRules => {
  const defaults = ENTRY_DEFAULTS[trigger.type];
  return {
    frequency: entry.frequency ?? defaults.frequency,
    maxConcurrent: entry.maxConcurrent ?? defaults.maxConcurrent,
    maxPerHour: entry.maxPerHour ?? 1_000,
  };
};

/** Every step, at any depth, in the order written. */
export function allSteps(steps: Step[]): Step[] {
  return steps.flatMap((step) => [step, ...innerSteps(step).flatMap(allSteps)]);
}

function invalid(errors: InputFault[]): HooklineError {
  return new HooklineError('campaigns.invalid', summary('the campaign', errors), { errors });
}
