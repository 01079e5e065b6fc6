import { z } from 'zod';
import { conditionSchema } from '../condition/condition.ts';
import { durationSchema } from '../input/duration.ts';
import { unknownType } from '../input/explain.ts';
import { idSchema } from '../input/id.ts';
import { webhookFields } from './webhook.ts';

/** An id that an author may leave out: `validateCampaign` gives one by the step's place before the schema sees it. */
const placedId = idSchema('wait-a-day')
  .optional()
  .transform((id) => id ?? '');

/** A fixed time from the moment the step is reached. */
const delay = z.strictObject({ type: z.literal('delay'), id: placedId, for: durationSchema({ max: '3650d' }) });

/** Sends one delivery. Its id names the answer in later steps: `responses.<id>`. */
const webhook = z.strictObject({ type: z.literal('webhook'), id: idSchema('create-lead'), ...webhookFields });

/** Takes the first case that holds, else `otherwise`. */
const branch = z.strictObject({
  type: z.literal('branch'),
  id: placedId,
  get cases() {
    return z.array(z.strictObject({ when: conditionSchema, steps: stepsSchema })).min(1);
  },
  get otherwise() {
    return stepsSchema.optional();
  },
});

/** Sets attributes of the person, as a response mapping does; each value is a template. */
const update = z.strictObject({
  type: z.literal('update'),
  id: placedId,
  attributes: z.record(z.string().min(1).max(255), z.string()),
});

/** Ends the journey. */
const exit = z.strictObject({ type: z.literal('exit'), id: placedId, reason: z.string().min(1).max(255).optional() });

export const stepSchema = z.discriminatedUnion('type', [delay, webhook, branch, update, exit], {
  error: unknownType('step'),
});
export type Step = z.infer<typeof stepSchema>;
export type StepType = Step['type'];

export const stepsSchema = z.array(stepSchema);

/** The lists of steps inside a step. */
export function innerSteps(step: Step): Step[][] {
  return step.type === 'branch' ? [...step.cases.map(({ steps }) => steps), step.otherwise ?? []] : [];
}

/** One kind of step. */
export type StepOf<T extends StepType> = Extract<Step, { type: T }>;
