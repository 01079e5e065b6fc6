import { asc, eq } from 'drizzle-orm';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { changeCampaignState } from '../../db/campaigns.ts';
import type { Db } from '../../db/open.ts';
import { broadcasts, campaigns, occurrences } from '../../db/schema/campaigns.ts';
import { journeys } from '../../db/schema/journeys.ts';
import { people } from '../../db/schema/people.ts';
import { runSchedules } from '../../relay/schedules.ts';
import { enterPageOf } from './enter-page.ts';
import { makeLive } from './crowd.ts';

/** For tests in which none fails. */
export const onFailed = (_campaign: string, error: unknown) => {
  throw error;
};

/** What tests of the schedule of one campaign do again and again, at times of their own. */
export function scheduling(db: Db) {
  /** What relays do at a time. */
  const look = (at: string) => runSchedules({ db, ...createCompiledVersions(), now: new Date(at), onFailed });

  /** A campaign on a schedule, started at a time. */
  async function schedule(trigger: object, since: string, fields: object = {}) {
    await makeLive(db, 'weekly', { trigger: { type: 'schedule', ...trigger }, ...fields });
    await changedAt(since);
  }

  const changedAt = (at: string) => db.update(campaigns).set({ updatedAt: new Date(at) });

  const setState = async (from: 'live' | 'paused' | 'stopped', to: 'live' | 'paused' | 'stopped', at: string) => {
    await changeCampaignState(db, 'weekly', [from], to);
    await changedAt(at);
  };

  /** `2030-01-07T09:00 UTC fired`, in the order in which they are due. */
  async function rows() {
    const all = await db.select().from(occurrences).orderBy(asc(occurrences.dueAt), asc(occurrences.zone));
    return all.map(({ localTime, zone, state }) => `${localTime} ${zone} ${state}`);
  }

  const made = () =>
    db
      .select({ occurrence: broadcasts.occurrence, zone: broadcasts.zone, version: broadcasts.version })
      .from(broadcasts)
      .orderBy(asc(broadcasts.id));

  async function makePeople(list: { id: string; timezone?: unknown }[]) {
    for (const { id, ...attributes } of list) {
      const key = `per_${id}`;
      await db.insert(people).values({ key, id, attributes: JSON.parse(JSON.stringify(attributes)) });
    }
    // As if they had always been there: broadcasts of these tests are not made now.
    await db.update(people).set({ createdAt: new Date('2000-01-01') });
  }

  /** Enters whom each broadcast means, as at a time; answers who entered by which. */
  async function enterAll(at: string): Promise<Record<string, string[]>> {
    const enterPage = enterPageOf(db, { now: () => new Date(at) });
    for (const { id } of await db.select().from(broadcasts)) {
      for (;;) {
        const page = await enterPage({ broadcast: id });
        if (page.ended || page.waitsFor) break;
      }
    }
    const entered = await db
      .select({ person: people.id, cause: journeys.cause, zone: broadcasts.zone })
      .from(journeys)
      .innerJoin(people, eq(people.key, journeys.personKey))
      .innerJoin(broadcasts, eq(broadcasts.id, journeys.broadcastId))
      .orderBy(people.id);
    const by: Record<string, string[]> = {};
    for (const { person, cause, zone } of entered) (by[`${cause} ${zone}`] ??= []).push(person);
    return by;
  }
  return { look, schedule, changedAt, setState, rows, made, makePeople, enterAll };
}
