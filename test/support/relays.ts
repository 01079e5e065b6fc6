import { sql } from 'drizzle-orm';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { fireDue } from '../../db/due-entries.ts';
import type { Db } from '../../db/open.ts';
import { waiting } from '../../db/schema/people.ts';
import { createSweeper } from '../../relay/sweep.ts';
import { matcherOf } from './matcher.ts';

/** What relays do with Postgres alone, at the test's word and by its clock. */
export function relaysOf(db: Db, clock: { now: Date }) {
  const now = () => clock.now;
  const onFailed = (_: unknown, error: unknown) => {
    throw error;
  };
  const sweepPage = createSweeper({ db, campaigns: createCompiledVersions().campaigns, now, onFailed });
  const matchPerson = matcherOf(db, now);
  const relays = {
    /** One page of one sweep; answers 0 where none is due. */
    sweepPage,
    matchPerson,
    fire: () => fireDue(db, clock.now),
    /** All pages that are due, and those of sweeps that wait for others. */
    async sweep() {
      for (;;) {
        while ((await sweepPage()) > 0);
        const [filling] = await db.execute(sql`select from sweeps where type like 'fill%'`);
        if (!filling) return;
        relays.pass(200);
      }
    },
    /** All items that wait, of everybody. */
    async match() {
      for (;;) {
        const rows = await db.select({ key: waiting.personKey }).from(waiting);
        if (rows.length === 0) return;
        for (const { key } of rows) await matchPerson(key);
      }
    },
    /** Everything that there is to do at this moment. */
    async settle() {
      await relays.sweep();
      while ((await relays.fire()) > 0);
      await relays.match();
    },
    pass(ms: number) {
      clock.now = new Date(clock.now.getTime() + ms);
    },
  };
  return relays;
}
