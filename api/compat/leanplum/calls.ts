import { z } from 'zod';
import { clientId, fields } from '../../schemas.ts';
import { anyId, unixTime } from '../schemas.ts';

const NOBODY = 'name the person: send userId, or deviceId';
const not = (why: string) => z.never(why).optional();

/** Who a call is about, and how often it counts. Unknown arguments are dropped: clients send many. */
const by = {
  userId: anyId().optional(),
  deviceId: anyId().optional(),
  reqId: clientId.optional(),
  time: unixTime.optional(),
  createDisposition: z.enum(['CreateIfNeeded', 'CreateNever']).optional(),
};

const NUMBER = 'write a number';
const number = z.union([z.number(), z.string().regex(/^[+-]?\d+(?:\.\d+)?$/, NUMBER)], NUMBER).transform(Number);
const COUNTED = 'nothing is counted here; send what it comes to as userAttributes';
const attributes = {
  ...by,
  userAttributes: fields.default({}),
  userAttributeValuesToAdd: not(COUNTED),
  userAttributeValuesToRemove: not(COUNTED),
  userAttributeValuesToIncrement: not(COUNTED),
};

const calls = z.discriminatedUnion(
  'action',
  [
    z.object({
      action: z.literal('setUserAttributes'),
      ...attributes,
      newUserId: not('an id cannot be changed here; POST /v1/people/:id/merge makes one person of two'),
    }),
    z.object({ action: z.literal('start'), ...attributes }),
    z.object({
      action: z.literal('track'),
      ...by,
      event: z.string().min(1).max(255),
      value: number.optional(),
      info: z.string().optional(),
      currencyCode: z.string().optional(),
      params: fields.default({}),
    }),
    z.object({
      action: z.literal('sendMessage'),
      ...by,
      messageId: anyId('write the id of a campaign'),
      values: fields.default({}),
      force: z.enum(['false', '0'], 'nobody is entered against their campaign here; leave it out').optional(),
    }),
  ],
  'use setUserAttributes, start, track, sendMessage, or multi with a list of them',
);

/** One call with its arguments, decoded. */
export const callSchema = calls.refine(({ userId, deviceId }) => userId ?? deviceId, {
  path: ['userId'],
  message: NOBODY,
});

export type Call = z.infer<typeof callSchema>;

/** A list of calls. */
export const multiSchema = z.object({
  action: z.literal('multi'),
  data: z.array(z.unknown()).min(1),
});
