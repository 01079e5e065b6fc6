import { dueAt, nextOccurrences } from './schedule.ts';
import { LATEST } from './storable.ts';
import { canonicalZone, instantOf } from './zone.ts';
import { zonesInUse } from './zones-in-use.ts';

const MINUTE_MS = 60_000;
/** What a schedule missed before is left out: the latest of what was missed goes off, and one is planned ahead anyway. */
const LOOKED_BACK_MS = 2 * 24 * 60 * MINUTE_MS;
const AT_ONCE = 100;

type Schedule = { at?: string | undefined; cron?: string | undefined; timezone?: string | undefined };

export type Planned = { localTime: string; zone: string; dueAt: Date };

/** Whether each person has a time of their own, by the clocks where they are. */
export const isByPerson = ({ timezone }: Schedule): boolean => timezone === 'person' || timezone === 'mostActiveHour';

/** The zones in which a schedule goes off: for persons' own time those that are `written` at anybody, and that of the campaign. */
export function scheduleZones(schedule: Schedule, written: string[], fallback: string): string[] {
  if (isByPerson(schedule)) return [...zonesInUse(written, fallback).keys()];
  const zone = schedule.timezone ?? fallback;
  return [canonicalZone(zone) ?? zone];
}

type Look = {
  zones: string[];
  /** The last occurrence that is there, by zone. */
  latest: Map<string, Planned>;
  /** When the campaign was started or changed: nothing before counts. */
  changedAt: Date;
  now: Date;
};

/**
 * What is to be added so that in each zone one occurrence lies ahead, if it comes within the year 9999; where some have passed
 * meanwhile, also the last of them.
 */
export function planOccurrences(schedule: Schedule, { zones, latest, changedAt, now }: Look): Planned[] {
  const plannedIn = (zone: string) => {
    const last = latest.get(zone);
    // In most active hours a day has begun before its time.
    return last && (schedule.timezone === 'mostActiveHour' ? dueAt(last.localTime, zone) : last.dueAt);
  };
  const isWatched = [...latest.keys()].some((zone) => (plannedIn(zone) ?? now) > now);
  return zones.flatMap((zone) => {
    const planned = plannedIn(zone);
    if (planned && planned > now) return [];
    // A zone that has come into use, for the first time or again, begins with what comes now: nothing was missed where others lie ahead.
    const since = isWatched || (!planned && latest.size > 0) ? now.getTime() - MINUTE_MS : 0;
    const after = Math.max(changedAt.getTime(), since, planned?.getTime() ?? 0, now.getTime() - LOOKED_BACK_MS);
    return nextIn(schedule, zone, new Date(after), now);
  });
}

function nextIn(schedule: Schedule, zone: string, after: Date, now: Date): Planned[] {
  const missed: Planned[] = [];
  for (let from = after; ;) {
    const found = nextOccurrences(schedule, zone, from, AT_ONCE);
    for (const { localTime, dueAt: moment } of found) {
      const planned = { localTime, zone, dueAt: beginningOf(schedule, localTime, zone, moment) };
      if (moment > now) return [...missed.slice(-1), ...(moment <= LATEST ? [planned] : [])];
      missed.push(planned);
    }
    const last = found.at(-1);
    if (!last || found.length < AT_ONCE) return missed.slice(-1);
    from = last.dueAt;
  }
}

/** For people's most active hours the day begins at midnight. */
function beginningOf({ timezone }: Schedule, localTime: string, zone: string, moment: Date): Date {
  if (timezone !== 'mostActiveHour') return moment;
  return instantOf(new Date(`${localTime.slice(0, 10)}T00:00:00Z`), zone);
}
