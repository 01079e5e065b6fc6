import { canonicalZone } from '../time/zone.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

/** `CEST`, `PST` …: the short name of a zone at an instant (milliseconds since 1970), or null where English has none. */
export function abbreviation(zone: string, instant: number): string | null {
  const timeZone = canonicalZone(zone);
  if (timeZone === undefined || /^[+-]/.test(timeZone)) return null;
  for (const locale of ['en-US', 'en-GB', 'en-AU']) {
    const parts = formatIn(timeZone, locale).formatToParts(instant);
    const name = parts.find((part) => part.type === 'timeZoneName')?.value;
    if (name && /^[A-Z]+$/.test(name)) return name;
  }
  return null;
}

function formatIn(timeZone: string, locale: string): Intl.DateTimeFormat {
  const key = `${locale} ${timeZone}`;
  const made = formats.get(key) ?? new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: 'short' });
  formats.set(key, made);
  return made;
}
