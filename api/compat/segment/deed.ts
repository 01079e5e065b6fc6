import { findEvent } from '../../../db/events.ts';
import type { Db } from '../../../db/open.ts';
import { storeEvents } from '../../store-each.ts';
import type { Deed, Done } from '../do-in-order.ts';
import { mergeInto } from '../merge-into.ts';
import type { SegmentEvent } from './messages.ts';

/** What a message asks for: an event, before which an alias merges people. */
export function deedOf({ merges, ...event }: SegmentEvent): Deed<string> {
  if (merges === undefined) return event;
  return async (db: Db): Promise<Done<string>> => {
    // The event that follows says that it was done, so that somebody new under the old id is not merged by a repeat.
    const isRepeat = event.id !== undefined && (await findEvent(db, event.id)) !== undefined;
    if (!isRepeat) await mergeInto(db, merges, event.person);
    return storeEvents(db, [event]);
  };
}
