import { ingestEvents, type NewEvent, type StoredId } from '../db/events.ts';
import type { Db } from '../db/open.ts';
import { isDiskFull, isUnavailable } from '../db/unavailable.ts';

/** Few, so that each has many events. */
const GROUPS_AT_ONCE = 2;
/** A group that takes longer waits for people whom somebody else holds, as a long list does: it keeps no others waiting. */
const SLOW_MS = 50;
/** With those that are slow: some connections are left to everything else. */
const GROUPS_AT_MOST = 15;
const EVENTS_AT_MOST = 100;

export type StoreEvent = (event: NewEvent) => Promise<StoredId>;

type Arrival = { event: NewEvent; resolve(stored: StoredId): void; reject(error: unknown): void };

/**
 * Stores events that come one by one: those that arrive while others are being stored share a statement, as many as a list may
 * have at most. Nobody waits for others to come. Where a group fails, which stored nothing then, each of its events is tried by
 * itself, so that none fails for another; where Postgres is away all are told so.
 */
export function createEventGroups(db: Db): StoreEvent {
  const arrived: Arrival[] = [];
  let quick = 0;
  let underWay = 0;

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

  function next(): void {
    if (quick === GROUPS_AT_ONCE || underWay === GROUPS_AT_MOST || arrived.length === 0) return;
    quick += 1;
    underWay += 1;
    let isQuick = true;
    const makeRoom = () => {
      if (isQuick) quick -= 1;
      isQuick = false;
      next();
    };
    const slow = setTimeout(makeRoom, SLOW_MS);
    void storeGroup(arrived.splice(0, EVENTS_AT_MOST)).finally(() => {
      clearTimeout(slow);
      underWay -= 1;
      makeRoom();
    });
  }

  return (event) =>
    new Promise((resolve, reject) => {
      arrived.push({ event, resolve, reject });
      next();
    });
}
