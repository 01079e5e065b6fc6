import { ingestEvents, type NewEvent, type StoredId } from '../db/events.ts';
import type { Db } from '../db/open.ts';
import { HooklineError } from '../domain/errors.ts';

/**
 * Stores events and answers for each what became of it or why it was refused. That shows only in the transaction, which stores all
 * or none: so a list that is refused comes again in halves, until what is wrong stands alone.
 */
export async function storeEach(db: Db, events: NewEvent[]): Promise<(StoredId | HooklineError)[]> {
  try {
    return await ingestEvents(db, events);
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    if (events.length === 1) return [error];
    const middle = Math.floor(events.length / 2);
    const first = await storeEach(db, events.slice(0, middle));
    return [...first, ...(await storeEach(db, events.slice(middle)))];
  }
}

type Results = { accepted: number; results: (string | HooklineError)[] };

/** Stores events, those that are refused aside; answers for each its id or why it was refused, and how many are new. */
export const storeEvents = async (db: Db, events: NewEvent[]): Promise<Results> =>
  resultsOf(await storeEach(db, events));

export const resultsOf = (stored: (StoredId | HooklineError)[]): Results => ({
  accepted: stored.filter((each) => !(each instanceof HooklineError) && each.isNew).length,
  results: stored.map((each) => (each instanceof HooklineError ? each : each.id)),
});
