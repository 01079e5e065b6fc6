import { ingestEvents, type NewEvent, type StoredId } from '../db/events.ts';
import type { Db } from '../db/open.ts';
import { isDiskFull, isUnavailable } from '../db/unavailable.ts';
import { createStoringTurns } from './storing-turns.ts';

/** Few, so that each has many events. */
const TURNS = { atOnce: 2, atMost: 10 };
const EVENTS_AT_MOST = 100;

export type StoreEvent = (event: NewEvent) => Promise<StoredId>;

type Arrival = { event: NewEvent; resolve(stored: StoredId): void; reject(error: unknown): void };

/**
 * Stores events that come one by one: those that arrive while others are being stored share a statement, as many as a list may
 * have at most. Nobody waits for others to come. Where a group fails, which stored nothing then, each of its events is tried by
 * itself, so that none fails for another; where Postgres is away all are told so.
 */
export function createEventGroups(db: Db): StoreEvent {
  const takeTurn = createStoringTurns(TURNS);
  const arrived: Arrival[] = [];
  let isInLine = false;

  async function storeGroup(group: Arrival[]): Promise<void> {
    try {
      const events = group.map(({ event }) => event);
      for (const [index, stored] of (await ingestEvents(db, events)).entries()) group[index]?.resolve(stored);
    } catch (error) {
      const isFinal = group.length === 1 || isUnavailable(error) || isDiskFull(error);
      for (const each of group) {
        if (isFinal) each.reject(error);
        else await storeGroup([each]);
      }
    }
  }

  function standInLine(): void {
    if (isInLine || arrived.length === 0) return;
    isInLine = true;
    void takeTurn(() => {
      isInLine = false;
      const group = arrived.splice(0, EVENTS_AT_MOST);
      standInLine();
      return storeGroup(group);
    });
  }

  return (event) =>
    new Promise((resolve, reject) => {
      arrived.push({ event, resolve, reject });
      standInLine();
    });
}
