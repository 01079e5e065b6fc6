import { wallOf } from './zone.ts';

const ENOUGH = 10;

/** How many events a person did in the quarter of an hour that begins at `at`. Every zone's hours begin on a quarter in UTC. */
export type ActivityCount = { at: Date; count: number };

/**
 * The hour of the day (0–23) on the zone's clock with the most events, ties to the earliest; null with fewer than 10 events
 * in all. The caller counts: the last 28 days.
 */
export function mostActiveHour(counts: ActivityCount[], zone: string): number | null {
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  if (total < ENOUGH) return null;
  const hours = Array.from({ length: 24 }, () => 0);
  for (const { at, count } of counts) {
    const hour = wallOf(at, zone).getUTCHours();
    hours[hour] = (hours[hour] ?? 0) + count;
  }
  return hours.indexOf(Math.max(...hours));
}

/** The time of day at which an hour begins: `17:00`. */
export const timeOfHour = (hour: number): string => `${String(hour).padStart(2, '0')}:00`;
