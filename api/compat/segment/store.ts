import { findEvent } from '../../../db/events.ts';
import { mergePeople } from '../../../db/merge-people.ts';
import type { Db } from '../../../db/open.ts';
import { putPeople } from '../../../db/put-people.ts';
import { HooklineError } from '../../../domain/errors.ts';
import { storeEvents } from '../../events.ts';
import type { SegmentEvent } from './messages.ts';

/**
 * Stores messages in their order, all between two aliases together. Answers how many were new, and for each its id or why it was
 * refused. Whatever stops it half-way: the same messages again do what is left, and nothing twice.
 */
export async function storeMessages(
  db: Db,
  messages: SegmentEvent[],
): Promise<{ accepted: number; results: (string | HooklineError)[] }> {
  const results: (string | HooklineError)[] = [];
  let accepted = 0;
  let together: SegmentEvent[] = [];
  const store = async () => {
    if (together.length === 0) return;
    const stored = await storeEvents(db, together);
    accepted += stored.accepted;
    results.push(...stored.results);
    together = [];
  };
  for (const message of messages) {
    if (message.merges !== undefined) {
      await store();
      const fault = await mergeOnce(db, message, message.merges);
      if (fault) {
        results.push(fault);
        continue;
      }
    }
    together.push(message);
  }
  await store();
  return { accepted, results };
}

/** The event that follows says that it was done, so that somebody new under the old id is not merged by a repeat. */
async function mergeOnce(db: Db, { id, person }: SegmentEvent, previous: string): Promise<HooklineError | null> {
  if (id !== undefined && (await findEvent(db, id))) return null;
  try {
    while ((await mergePeople(db, previous, person)) === 'noInto') {
      await putPeople(db, [{ id: person, attributes: {} }], { backfill: false });
    }
    return null;
  } catch (error) {
    if (error instanceof HooklineError) return error;
    throw error;
  }
}
