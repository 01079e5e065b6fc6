import type { NewEvent } from '../../db/events.ts';
import type { Db } from '../../db/open.ts';
import { HooklineError } from '../../domain/errors.ts';
import { storeEvents } from '../store-each.ts';

/** How many events were new, and what came of each message: an event's id, something else, or why it was refused. */
export type Done<R> = { accepted: number; results: (R | HooklineError)[] };

/** What a message asks for: an event to be stored, or something that is done by itself. */
export type Deed<R> = NewEvent | ((db: Db) => Promise<Done<R>>);

/**
 * Does what messages ask for in their order, the events between two other deeds together. What is refused stops nothing else.
 * Whatever stops it half-way: the same messages again do what is left.
 */
export async function doInOrder<R>(db: Db, deeds: Deed<R>[]): Promise<Done<R | string>> {
  const done: Done<R | string> = { accepted: 0, results: [] };
  const add = ({ accepted, results }: Done<R | string>) => {
    done.accepted += accepted;
    done.results.push(...results);
  };
  let together: NewEvent[] = [];
  const storeThem = async () => {
    if (together.length > 0) add(await storeEvents(db, together));
    together = [];
  };
  for (const deed of deeds) {
    if (typeof deed !== 'function') {
      together.push(deed);
      continue;
    }
    await storeThem();
    add(await doOne(db, deed));
  }
  await storeThem();
  return done;
}

async function doOne<R>(db: Db, deed: (db: Db) => Promise<Done<R>>): Promise<Done<R>> {
  try {
    return await deed(db);
  } catch (error) {
    if (error instanceof HooklineError) return { accepted: 0, results: [error] };
    throw error;
  }
}
