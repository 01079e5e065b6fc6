import { dueAt, nextOccurrences, type Occurrence } from './schedule.ts';
import { LATEST } from './storable.ts';
import { canonicalZone, instantOf } from './zone.ts';
import { zonesInUse } from './zones-in-use.ts';

/** No two occurrences of a schedule are nearer in one zone. */
const MINUTE_MS = 60_000;

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
  /** The last occurrence that is there, by zone, and whether it has still to go off. */
  latest: Map<string, Planned & { isDue: boolean }>;
  /** When the campaign was started, or its schedule changed: nothing before counts. */
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
    // A zone that has come into use, for the first time or again, begins with what comes now: nothing was missed where others lie ahead,
    // but for what follows on a time that has not gone off yet, since nobody looked.
    const isNew = isWatched ? !latest.get(zone)?.isDue : !planned && latest.size > 0;
    const since = isNew ? now.getTime() - MINUTE_MS : 0;
    const after = Math.max(changedAt.getTime(), since, planned?.getTime() ?? 0);
    return nextIn(schedule, zone, new Date(after), now);
  });
}

/** The last occurrence from behind a moment until now, if any, and the first that is to come: in few steps, however long ago that is. */
function nextIn(schedule: Schedule, zone: string, after: Date, now: Date): Planned[] {
  const nextAfter = (moment: number) => nextOccurrences(schedule, zone, new Date(moment), 1)[0];
  const isMissed = (found: Occurrence | undefined) => found !== undefined && found.dueAt <= now;
  let missed = nextAfter(after.getTime());
  if (!isMissed(missed)) return asPlanned(schedule, zone, [missed]);
  for (let [from, until] = [after.getTime(), now.getTime()]; until - from > MINUTE_MS;) {
    const middle = Math.floor((from + until) / 2);
    const found = nextAfter(middle);
    if (isMissed(found)) [from, missed] = [middle, found];
    else until = middle;
  }
  return asPlanned(schedule, zone, [missed, nextAfter(now.getTime())]);
}

const asPlanned = (schedule: Schedule, zone: string, found: (Occurrence | undefined)[]): Planned[] =>
  found.flatMap((one) => {
    if (!one || one.dueAt > LATEST) return [];
    return { localTime: one.localTime, zone, dueAt: beginningOf(schedule, one.localTime, zone, one.dueAt) };
  });

/** For people's most active hours the day begins at midnight. */
function beginningOf({ timezone }: Schedule, localTime: string, zone: string, moment: Date): Date {
  if (timezone !== 'mostActiveHour') return moment;
  return instantOf(new Date(`${localTime.slice(0, 10)}T00:00:00Z`), zone);
}
