const MINUTE = 60_000;
const FIXED = /^(?:utc|gmt|z)?(?:([+-])(\d{1,2})(?::?(\d{2}))?)?$/i;

const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * Minutes that a zone is ahead of UTC at an instant (milliseconds since 1970). A zone is an IANA name (`Europe/Paris`)
 * or a fixed offset (`GMT-7`, `UTC+5:30`, `+0200`); another name throws a RangeError.
 */
export function offsetMinutes(zone: string, instant: number): number {
  const fixed = FIXED.exec(zone.trim());
  if (fixed && zone.trim() !== '') {
    const [, sign, hours, minutes] = fixed;
    const size = Number(hours ?? 0) * 60 + Number(minutes ?? 0);
    return sign === '-' && size > 0 ? -size : size;
  }
  const part: Record<string, number> = {};
  for (const { type, value } of format(zone).formatToParts(instant)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  return Math.round((wall - Math.floor(instant / 1000) * 1000) / MINUTE);
}

/** The instant at which clocks of a zone show this wall time (milliseconds, as if it were UTC). */
export function instantOf(wall: number, zone: string): number {
  const guess = wall - offsetMinutes(zone, wall) * MINUTE;
  return wall - offsetMinutes(zone, guess) * MINUTE;
}

/** `CEST`, `PST` …: the short name of a zone at an instant, or null where English has none. */
export function abbreviation(zone: string, instant: number): string | null {
  if (FIXED.test(zone.trim())) return /^(?:utc|gmt|z)$/i.test(zone.trim()) ? 'UTC' : null;
  for (const locale of ['en-US', 'en-GB', 'en-AU']) {
    const parts = format(zone, locale).formatToParts(instant);
    const name = parts.find((part) => part.type === 'timeZoneName')?.value;
    if (name && /^[A-Z]+$/.test(name)) return name;
  }
  return null;
}

function format(zone: string, locale = 'en-US'): Intl.DateTimeFormat {
  const key = `${locale} ${zone}`;
  const known = formats.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(locale, {
    timeZone: zone,
    timeZoneName: 'short',
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(key, made);
  return made;
}
