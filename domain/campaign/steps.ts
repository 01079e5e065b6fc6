import { z } from 'zod';
import { conditionSchema } from '../condition/condition.ts';
import { durationSchema } from '../input/duration.ts';
import { unknownType } from '../input/explain.ts';
import { idSchema } from '../input/id.ts';
import { untilSchema } from '../time/delay-until.ts';
import { attributeTemplate, webhookFields } from './webhook.ts';

/** An id that an author may leave out: `validateCampaign` gives one by the step's place before the schema sees it. */
const placedId = idSchema('wait-a-day')
  .optional()
  .transform((id) => id ?? '');

/** A fixed time from the moment the step is reached, or until a moment of clocks or of the person. */
const delay = z
  .strictObject({
    type: z.literal('delay'),
    id: placedId,
    for: durationSchema({ max: '3650d' }).optional(),
    until: untilSchema.optional(),
  })
  .superRefine((step, context) => {
    if ((step.for === undefined) === (step.until === undefined)) {
      context.addIssue({ code: 'custom', path: ['for'], message: 'write either for, such as 2h, or until' });
    }
  });

/** Waits for the next such event behind the step before it, or for a condition to hold. One that is read later, or has no paths, may have an id. */
const wait = z
  .strictObject({
    type: z.literal('wait'),
    id: placedId,
    event: z.string().min(1).max(255).optional(),
    where: conditionSchema.optional(),
    until: conditionSchema.optional(),
    timeout: durationSchema({ max: '3650d' }).optional(),
    since: z.enum(['entry']).optional(),
    get then() {
      return stepsSchema.optional();
    },
    get onTimeout() {
      return stepsSchema.optional();
    },
  })
  .superRefine(({ event, where, until, timeout, since, onTimeout }, context) => {
    const refuse = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
    if ((event === undefined) === (until === undefined)) refuse('event', 'write either event or until');
    if (where && event === undefined) refuse('where', 'is for event; put its tests into until');
    if (since && event === undefined) refuse('since', 'is for event; leave it out');
    if (onTimeout && timeout === undefined) refuse('onTimeout', 'needs timeout, such as 3d');
  });

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

/** Takes one of several paths by a hash of the person and its id: always the same one. An empty path is a holdout. */
const split = z
  .strictObject({
    type: z.literal('split'),
    id: idSchema('subject-test'),
    get variants() {
      return z
        .array(z.strictObject({ name: idSchema('control'), percent: z.number().min(0).max(100), steps: stepsSchema }))
        .min(1)
        .max(20);
    },
  })
  .superRefine(({ variants }, context) => {
    const total = variants.reduce((sum, { percent }) => sum + percent, 0);
    if (Math.abs(total - 100) > 1e-9) {
      context.addIssue({ code: 'custom', path: ['variants'], message: `add up to ${total} percent; write 100` });
    }
    for (const [index, { name }] of variants.entries()) {
      if (variants.findIndex((other) => other.name === name) === index) continue;
      const message = `"${name}" is already the name of another variant; give this one another`;
      context.addIssue({ code: 'custom', path: ['variants', index, 'name'], message });
    }
  });

/** Sets attributes of the person, as a response mapping does; each value is a template. */
const update = z.strictObject({
  type: z.literal('update'),
  id: placedId,
  attributes: z.record(z.string().min(1).max(255), attributeTemplate),
});

/** Ends the journey. */
const exit = z.strictObject({ type: z.literal('exit'), id: placedId, reason: z.string().min(1).max(255).optional() });

export const stepSchema = z
  .discriminatedUnion('type', [delay, wait, webhook, branch, split, update, exit], {
    error: unknownType('step'),
  })
  .meta({ id: 'Step' });
export type Step = z.infer<typeof stepSchema>;
export type StepType = Step['type'];

export const stepsSchema = z.array(stepSchema).meta({ id: 'Steps' });

/** The lists of steps inside a step. */
export function innerSteps(step: Step): Step[][] {
  switch (step.type) {
    case 'branch':
      return [...step.cases.map(({ steps }) => steps), step.otherwise ?? []];
    case 'wait':
      return [step.then ?? [], step.onTimeout ?? []];
    case 'split':
      return step.variants.map(({ steps }) => steps);
    case 'delay':
    case 'webhook':
    case 'update':
    case 'exit':
      return [];
  }
}

/** One kind of step. */
export type StepOf<T extends StepType> = Extract<Step, { type: T }>;
