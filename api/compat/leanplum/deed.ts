import type { NewEvent } from '../../../db/events.ts';
import type { Db } from '../../../db/open.ts';
import { putPerson, whileThere } from '../../../db/people.ts';
import { storeEvents } from '../../store-each.ts';
import { trigger } from '../../trigger.ts';
import type { Deed, Done } from '../do-in-order.ts';
import type { Call } from './calls.ts';

/** Nobody is known by the id of a call that makes nobody. */
export const SKIPPED = { warning: { message: 'User not found; request skipped.' } };

/** What came of a call: the id of what it made, or nothing. */
export type Outcome = string | typeof SKIPPED;

/** What a call asks for. Whoever is sent a message has to be known, unless it says otherwise; by all others people come to be. */
export function deedOf(call: Call): Deed<Outcome> {
  const person = call.userId ?? call.deviceId ?? '';
  if (call.action === 'sendMessage') return (db) => enter(db, person, call);
  const event = eventOf(call, person);
  if (call.createDisposition !== 'CreateNever') return event;
  return async (db) => (await whileThere(db, person, (tx) => storeEvents(tx, [event]))) ?? came(SKIPPED);
}

const came = (outcome: Outcome): Done<Outcome> => ({ accepted: 0, results: [outcome] });

type Message = Extract<Call, { action: 'sendMessage' }>;

async function enter(db: Db, person: string, call: Message): Promise<Done<Outcome>> {
  const asked = { people: [person], data: call.values, id: call.reqId };
  return db.transaction(async (tx) => {
    if (call.createDisposition === 'CreateIfNeeded') await putPerson(tx, person, {});
    return came((await whileThere(tx, person, (held) => trigger(held, call.messageId, asked))) ?? SKIPPED);
  });
}

/** What is no `track` is an event named by its action, so that its `reqId` is known when it comes again. */
function eventOf(call: Exclude<Call, Message>, person: string): NewEvent {
  const event = { id: call.reqId, person, timestamp: call.time, name: call.action, data: {}, backfill: false };
  switch (call.action) {
    case 'setUserAttributes':
    case 'start':
      return { ...event, attributes: call.userAttributes };
    case 'track':
      return { ...event, name: call.event, data: dataOf(call) };
  }
}

/** The data of an event: its parameters, and what is said of it besides. */
export const dataOf = ({ params, value, info, currencyCode }: Extract<Call, { action: 'track' }>) => ({
  ...params,
  ...(value !== undefined && { value }),
  ...(info !== undefined && { info }),
  ...(currencyCode !== undefined && { currencyCode }),
});
