import { wallOf } from '../time/zone.ts';
import { abbreviation } from './zone-abbreviation.ts';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const DAY_MS = 86_400_000;
const MAX_WIDTH = 1024;
const DIRECTIVE = /%([-0^#_:]*)([1-9]\d*)?[EO]?([a-zA-Z%+])/g;

/** A wall clock: `wall` is a Date whose UTC fields are the zone's local time; `offset` is in whole minutes. */
type Clock = { wall: Date; instant: number; offset: number; zone: string };

/** A number is padded with `pad` to `width`; a text only to the width that the directive asks for. */
type Field = { number: number; width: number; pad?: string } | { text: string };

const number = (value: number, width = 1, pad?: string): Field =>
  pad === undefined ? { number: value, width } : { number: value, width, pad };

/** Each directive of Ruby's `Time#strftime`, and `%q` (`st nd rd th`), which liquidjs has. */
const fields: Record<string, (clock: Clock) => Field> = {
  Y: ({ wall }) => number(wall.getUTCFullYear(), 4),
  C: ({ wall }) => number(Math.floor(wall.getUTCFullYear() / 100), 2),
  y: ({ wall }) => number(((wall.getUTCFullYear() % 100) + 100) % 100, 2),
  m: ({ wall }) => number(wall.getUTCMonth() + 1, 2),
  B: ({ wall }) => ({ text: MONTHS[wall.getUTCMonth()] ?? '' }),
  b: ({ wall }) => ({ text: (MONTHS[wall.getUTCMonth()] ?? '').slice(0, 3) }),
  d: ({ wall }) => number(wall.getUTCDate(), 2),
  e: ({ wall }) => number(wall.getUTCDate(), 2, ' '),
  j: ({ wall }) => number(dayOfYear(wall), 3),
  q: ({ wall }) => ({ text: ordinal(wall.getUTCDate()) }),
  H: ({ wall }) => number(wall.getUTCHours(), 2),
  k: ({ wall }) => number(wall.getUTCHours(), 2, ' '),
  I: ({ wall }) => number(wall.getUTCHours() % 12 || 12, 2),
  l: ({ wall }) => number(wall.getUTCHours() % 12 || 12, 2, ' '),
  M: ({ wall }) => number(wall.getUTCMinutes(), 2),
  S: ({ wall }) => number(wall.getUTCSeconds(), 2),
  p: ({ wall }) => ({ text: wall.getUTCHours() < 12 ? 'AM' : 'PM' }),
  P: ({ wall }) => ({ text: wall.getUTCHours() < 12 ? 'am' : 'pm' }),
  Z: (clock) => ({ text: abbreviation(clock.zone, clock.instant) ?? offsetText(clock.offset, '') }),
  A: ({ wall }) => ({ text: DAYS[wall.getUTCDay()] ?? '' }),
  a: ({ wall }) => ({ text: (DAYS[wall.getUTCDay()] ?? '').slice(0, 3) }),
  u: ({ wall }) => number(wall.getUTCDay() || 7),
  w: ({ wall }) => number(wall.getUTCDay()),
  G: ({ wall }) => number(thursday(wall).getUTCFullYear(), 4),
  g: ({ wall }) => number(thursday(wall).getUTCFullYear() % 100, 2),
  V: ({ wall }) => number(Math.ceil(dayOfYear(thursday(wall)) / 7), 2),
  U: ({ wall }) => number(weekOfYear(wall, 0), 2),
  W: ({ wall }) => number(weekOfYear(wall, 1), 2),
  s: ({ instant }) => number(Math.floor(instant / 1000)),
  Q: ({ instant }) => number(instant),
  n: () => ({ text: '\n' }),
  t: () => ({ text: '\t' }),
  '%': () => ({ text: '%' }),
};

const composed: Record<string, string> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  h: '%b',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  v: '%e-%^b-%Y',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
  '+': '%a %b %e %H:%M:%S %Z %Y',
};

/** An instant (milliseconds since 1970) in a zone's wall clock, by Ruby's strftime format; names are English. */
export function strftime(format: string, instant: number, zone: string): string {
  const wall = wallOf(new Date(instant), zone);
  const offset = Math.round((wall.getTime() - Math.trunc(instant)) / 60_000);
  return print(format, { wall, instant, offset, zone });
}

function print(format: string, clock: Clock): string {
  return format.replace(DIRECTIVE, (directive, flags: string, digits: string | undefined, code: string) => {
    const width = Math.min(Number(digits ?? 0), MAX_WIDTH);
    if (code === 'L' || code === 'N') return fraction(clock.wall, width || (code === 'L' ? 3 : 9));
    if (code === 'z') return cased(offsetText(clock.offset, flags), flags, code).padStart(width);
    const short = composed[code];
    if (short !== undefined) return cased(print(short, clock), flags, code).padStart(width, padOf(flags, ' '));
    const field = fields[code]?.(clock);
    if (!field) return directive;
    if ('text' in field) return cased(field.text, flags, code).padStart(width, padOf(flags, ' '));
    return padded(field.number, flags.includes('-') ? 0 : width || field.width, padOf(flags, field.pad ?? '0'));
  });
}

function padded(value: number, width: number, pad: string): string {
  const digits = String(Math.abs(value));
  if (value >= 0) return digits.padStart(width, pad);
  return pad === '0' ? `-${digits.padStart(width - 1, '0')}` : `-${digits}`.padStart(width, pad);
}

const padOf = (flags: string, usual: string) => (flags.includes('_') ? ' ' : flags.includes('0') ? '0' : usual);

function cased(text: string, flags: string, code: string): string {
  if (flags.includes('^')) return text.toUpperCase();
  if (flags.includes('#')) return code === 'p' || code === 'Z' ? text.toLowerCase() : text.toUpperCase();
  return text;
}

const fraction = (wall: Date, digits: number) =>
  String(wall.getUTCMilliseconds()).padStart(3, '0').padEnd(digits, '0').slice(0, digits);

/** `+0200`, with one colon `+02:00`, with two `+02:00:00`. */
function offsetText(offset: number, flags: string): string {
  const colons = flags.split(':').length - 1;
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.abs(offset);
  const text = `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}${colons > 0 ? ':' : ''}${two(minutes % 60)}`;
  return colons > 1 ? `${text}:00` : text;
}

const dayOfYear = (wall: Date) => Math.floor((wall.getTime() - Date.UTC(wall.getUTCFullYear(), 0, 1)) / DAY_MS) + 1;

const weekOfYear = (wall: Date, firstDay: number) =>
  Math.floor((dayOfYear(wall) - 1 - ((wall.getUTCDay() - firstDay + 7) % 7) + 7) / 7);

/** The Thursday of the same week, whose year and week are those of ISO 8601. */
const thursday = (wall: Date) => new Date(wall.getTime() + (4 - (wall.getUTCDay() || 7)) * DAY_MS);

function ordinal(day: number): string {
  if (day >= 11 && day <= 13) return 'th';
  return ['th', 'st', 'nd', 'rd'][day % 10] ?? 'th';
}
