import type { NewEvent, StoredId } from '../db/events.ts';
import { newId } from '../db/id.ts';
import type { Db } from '../db/open.ts';
import { isDiskFull, isUnavailable } from '../db/unavailable.ts';
import type { HooklineError } from '../domain/errors.ts';
import { storeEach } from './store-each.ts';

/** Several, so that a few which wait for people whom somebody else holds, as a long list does, do not keep all others waiting. */
const GROUPS_AT_ONCE = 8;
const EVENTS_AT_MOST = 100;

type Outcome = StoredId | HooklineError;
type Arrival = { event: NewEvent; resolve(outcome: Outcome): void; reject(error: unknown): void };

/**
 * Stores events that come one by one: those that arrive while others are being stored share a transaction, as many as a list may
 * have at most. Nobody waits for others to come. Where a group fails as a whole each of its events is tried by itself, so that
 * none fails for another: under the ids that they had, so that none is stored twice.
 */
export function createEventGroups(db: Db): (event: NewEvent) => Promise<Outcome> {
  const arrived: Arrival[] = [];
  let storing = 0;

  async function storeGroup(group: Arrival[]): Promise<void> {
    try {
      const outcomes = await storeEach(
        db,
        group.map(({ event }) => event),
      );
      for (const [index, outcome] of outcomes.entries()) group[index]?.resolve(outcome);
    } catch (error) {
      const isAlone = group.length === 1 || isUnavailable(error) || isDiskFull(error);
      for (const each of group) {
        if (isAlone) each.reject(error);
        else await storeGroup([each]);
      }
    }
  }

  function next(): void {
    if (storing === GROUPS_AT_ONCE || arrived.length === 0) return;
    storing += 1;
    void storeGroup(arrived.splice(0, EVENTS_AT_MOST)).finally(() => {
      storing -= 1;
      next();
    });
  }

  return (event) =>
    new Promise((resolve, reject) => {
      arrived.push({ event: { ...event, id: event.id ?? newId('evt') }, resolve, reject });
      next();
    });
}
