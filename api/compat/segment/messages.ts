import { z } from 'zod';
import type { NewEvent } from '../../../db/events.ts';
import { HooklineError } from '../../../domain/errors.ts';
import { parseInput } from '../../../domain/input/faults.ts';
import { clientId, fields, time } from '../../schemas.ts';

const NOBODY = 'name the person: send userId, or anonymousId';
const SAME = 'is the same person; name another one';

/** Unlike in our own API, unknown fields are dropped: libraries send many, and clients send their own. */
const by = {
  messageId: clientId.nullish(),
  timestamp: time.nullish(),
  userId: clientId.nullish(),
  anonymousId: clientId.nullish(),
};
const seen = { ...by, name: z.string().nullish(), category: z.string().nullish(), properties: fields.nullish() };

/** The fields of a message by its type. */
export const MESSAGE_FIELDS = {
  identify: { ...by, traits: fields.nullish() },
  track: { ...by, event: z.string().min(1).max(255), properties: fields.nullish() },
  page: seen,
  screen: seen,
  group: { ...by, groupId: clientId, traits: fields.nullish() },
  alias: { ...by, userId: clientId, previousId: clientId },
};

const { identify, track, page, screen, group, alias } = MESSAGE_FIELDS;

export const messageSchema = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('identify'), ...identify }),
    z.object({ type: z.literal('track'), ...track }),
    z.object({ type: z.literal('page'), ...page }),
    z.object({ type: z.literal('screen'), ...screen }),
    z.object({ type: z.literal('group'), ...group }),
    z.object({ type: z.literal('alias'), ...alias }),
  ])
  .superRefine((message, context) => {
    if (message.type === 'alias') {
      if (message.userId !== message.previousId) return;
      context.addIssue({ code: 'custom', path: ['previousId'], message: SAME });
    } else if (!message.userId && !message.anonymousId) {
      context.addIssue({ code: 'custom', path: ['userId'], message: NOBODY });
    }
  });

type Message = z.infer<typeof messageSchema>;

const MAX_MESSAGE_BYTES = 32 * 1024;

/** A message is an event; `merges` is who becomes one with its person before. */
export type SegmentEvent = NewEvent & { merges?: string };

/** Throws what is wrong with a message; whole, it may take as much as an event's data. */
export function parseMessage(input: unknown): SegmentEvent {
  const message = parseInput(messageSchema, input);
  const size = Buffer.byteLength(JSON.stringify(input));
  if (size <= MAX_MESSAGE_BYTES) return eventOf(message);
  const fault = `the message takes ${size} bytes and may take ${MAX_MESSAGE_BYTES}; send less, or a link`;
  throw new HooklineError('events.too_large', fault, { errors: [{ path: '', message: fault }] });
}

/** What is no `track` is an event named by its type, so that its `messageId` is known when it comes again. */
function eventOf(message: Message): SegmentEvent {
  const { type, messageId, timestamp, userId, anonymousId } = message;
  const event = {
    id: messageId ?? undefined,
    person: userId ?? anonymousId ?? '',
    name: type,
    data: {},
    timestamp: timestamp ?? undefined,
    backfill: false,
  };
  switch (message.type) {
    case 'identify':
      return { ...event, attributes: message.traits ?? {} };
    case 'track':
      return { ...event, name: message.event, data: message.properties ?? {} };
    case 'page':
    case 'screen': {
      const { name, category, properties } = message;
      return { ...event, data: { ...properties, ...(name && { name }), ...(category && { category }) } };
    }
    case 'group':
      return { ...event, data: { groupId: message.groupId, traits: message.traits ?? {} } };
    case 'alias':
      return { ...event, data: { previousId: message.previousId }, merges: message.previousId };
  }
}
