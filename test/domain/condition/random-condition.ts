import type { Condition } from '../../../domain/condition/condition.ts';
import type { Path } from '../../../domain/condition/path.ts';
import { parseInstant } from '../../../domain/condition/instant.ts';
import type { Json } from '../../../domain/json.ts';
import type { Fields, Past } from './past.ts';

/** A number from 0 up to, not including, 1. */
export type Random = () => number;

/** The same numbers for the same seed: mulberry32. */
export function seeded(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const KEYS = ['a', 'b', 'c', 'first name', "it's", '0', '1', '-1', '01', 'größe', '', '$1', '{a}', 'a.b', '😀', 'name'];

const TEXTS = [
  ...['', 'a', 'b', 'B', 'ab', 'abc', 'é', 'e\u0301', 'ß', 'ss', '😀', 'a😀', '\ue000', '\ufffd', '\n', ' '],
  ...['%', '_', '\\', 'a%', 'a_c', '%a', "'", "' or true --", '"', '$1', 'null', 'true', '{}', '[]'],
  ...['0', '1', '10', '9.5', '-0', '-1', '007', '1e3', ' 1', '1\n', '+1', '.5', '1.', '0.1', '0.30000000000000004'],
  ...['999999999999999', '1000000000000000', '100000000000000.000000000000001', 'NaN', 'Infinity', '١'],
];

const TIMES = [
  ...[
    '2026-03-31',
    '2026-03-31T12:00',
    '2026-03-31T12:00:00Z',
    '2026-03-31T12:00:00.001Z',
    '2026-03-31T14:00:00+02:00',
  ],
  ...['2026-03-31T12:00:00.0009Z', '2026-03-30T12:01:00-23:59', '2026-04-01T11:59:00.123456789+23:59', '2026-02-28'],
  ...['2026-02-29', '2024-02-29', '1900-02-29', '2026-13-01', '2026-00-10', '2026-04-31', '2026-03-31T24:00:00Z'],
  ...['2026-03-31T12:60:00Z', '2026-03-31T12:00:60Z', '2026-03-31T12:00:00+24:00', '2026-03-31T12:00:00+02:60'],
  ...[
    '0000-01-01',
    '0001-01-01',
    '0001-01-01T00:00:00+23:59',
    '9999-12-31T23:59:59.999-23:59',
    '2026-3-1',
    '2026-03-31 12:00:00Z',
  ],
  ...[
    '2026-03-31T12:00:00z',
    '2026-03-31T12',
    '20260331',
    '2025-03-31T12:00:00Z',
    '2026-02-28T12:00:00Z',
    '2026-03-24T12:00:00Z',
  ],
];

const MOMENTS = [
  '-7d',
  '-1mo',
  '1y',
  '0s',
  '-1y1mo',
  '2026-03-31',
  '2026-03-31T12:00:00Z',
  '0001-01-01',
  '9999-12-31T23:59:59-23:59',
  '2026-04-01T12:00:00.123+23:59',
];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  9,
  10,
  0.1,
  0.3,
  0.1 + 0.2,
  9.5,
  1e21,
  5e-324,
  1.7976931348623157e308,
  9007199254740991,
  1e14,
  999999999999999,
];
const ZONES = [
  'Europe/Paris',
  'Asia/Kolkata',
  'asia/tokyo',
  'US/Pacific',
  'GMT-7',
  '+05:45',
  'UTC',
  'Mars/Olympus',
  '',
  '+99:99',
];
const EVENTS = ['opened', 'bought'];
const SEGMENTS = ['gold', 'silver'];
const CAMPAIGNS = ['win-back', 'welcome'];

function pick<T>(random: Random, list: readonly T[]): T {
  const [found] = list.slice(Math.floor(random() * list.length));
  if (found === undefined) throw new Error('there is nothing to pick from');
  return found;
}

const times = <T>(random: Random, most: number, make: () => T): T[] =>
  Array.from({ length: Math.floor(random() * (most + 1)) }, make);

function randomScalar(random: Random): Json {
  const kind = random();
  if (kind < 0.1) return null;
  if (kind < 0.2) return random() < 0.5;
  if (kind < 0.45) return pick(random, NUMBERS);
  return kind < 0.65 ? pick(random, TIMES) : pick(random, TEXTS);
}

function randomValue(random: Random, depth = 2): Json {
  const kind = random();
  if (depth === 0 || kind < 0.6) return randomScalar(random);
  if (kind < 0.8) return times(random, 3, () => randomValue(random, depth - 1));
  return randomFields(random, depth - 1);
}

/** Few keys, so that paths find something, in any order. */
function randomFields(random: Random, depth: number): Fields {
  return Object.fromEntries(times(random, 4, () => [pick(random, KEYS), randomValue(random, depth)]));
}

type RandomPast = Past & { events: { name: string; at: string; data: Fields }[] };

export function randomPerson(random: Random): { attributes: Fields; past: RandomPast } {
  const wide = { ...randomFields(random, 3), ...randomFields(random, 2), ...randomFields(random, 1) };
  const attributes = random() < 0.6 ? { ...wide, timezone: pick(random, ZONES) } : wide;
  const at = () =>
    pick(random, ['2025-03-31T12:00:00Z', '2026-02-28T12:00:00Z', '2026-03-24T12:00:00Z', '2026-03-31T11:00:00.001Z']);
  return {
    attributes,
    past: {
      events: times(random, 4, () => ({ name: pick(random, EVENTS), at: at(), data: randomFields(random, 2) })),
      segments: SEGMENTS.filter(() => random() < 0.5),
      conversions: times(random, 2, () => ({ campaign: pick(random, CAMPAIGNS), at: at() })),
    },
  };
}

/** Whose data conditions are made of, so that they meet something: a path leads somewhere, a value is near the one that is there. */
export type Known = { customer: Fields[]; event: Fields[] };

/** What stands somewhere, with the path there; in one of six a last key that probably leads nowhere. */
function randomPlace(random: Random, known: Known): { path: Path; value: Json } {
  const root = random() < 0.7 ? 'customer' : 'event';
  const keys: string[] = [];
  let value: Json = pick(random, known[root]);
  for (let depth = 0; depth < 4 && (keys.length === 0 || random() < 0.7); depth += 1) {
    const inner: [string, Json][] = typeof value === 'object' && value !== null ? Object.entries(value) : [];
    if (inner.length === 0) break;
    const [key, next] = pick(random, inner);
    keys.push(key);
    value = next;
  }
  if (keys.length === 0 || random() < 1 / 6) keys.push(pick(random, KEYS));
  const written = keys.map((key) => {
    if (key.includes("'")) return `"${key}"`;
    return /^\d$/.test(key) && random() < 0.5 ? key : `'${key}'`;
  });
  return { path: `${root}[${written.join('][')}]`, value };
}

/** A part of a text, from its beginning or to its end. */
function partOf(random: Random, value: Json): string {
  if (typeof value !== 'string' || random() < 0.2) return pick(random, TEXTS);
  const letters = Array.from(value);
  const cut = Math.floor(random() * (letters.length + 1));
  return (random() < 0.5 ? letters.slice(0, cut) : letters.slice(cut)).join('');
}

/** The value, or its number or text, or any other to compare with. */
function orderedNear(random: Random, value: Json): number | string {
  if (random() < 0.6 && (typeof value === 'number' || typeof value === 'string')) {
    if (random() < 0.5) return value;
    return typeof value === 'number' ? String(value) : Number(value.slice(0, 20)) || 0;
  }
  return random() < 0.5 ? pick(random, NUMBERS) : pick(random, TEXTS);
}

/** `{ <path>: … }` with one operator or two. */
function randomTest(random: Random, known: Known): Condition {
  const { path, value } = randomPlace(random, known);
  const near = () => (random() < 0.6 ? value : randomValue(random));
  const item = () => (Array.isArray(value) && value.length > 0 && random() < 0.7 ? pick(random, value) : near());
  const moment = () =>
    random() < 0.4 && typeof value === 'string' && parseInstant(value) ? value : pick(random, MOMENTS);
  const part = () => partOf(random, value);
  const ordered = () => orderedNear(random, value);
  const operators = [
    () => ({ eq: near() }),
    () => ({ ne: near() }),
    () => ({ gt: ordered() }),
    () => ({ gte: ordered(), lte: ordered() }),
    () => ({ lt: ordered() }),
    () => ({ lte: ordered() }),
    () => ({ in: [near(), ...times(random, 4, () => randomValue(random))] }),
    () => ({ notIn: [near()] }),
    () => ({ contains: random() < 0.5 ? part() : item() }),
    () => ({ notContains: item() }),
    () => ({ startsWith: part() }),
    () => ({ endsWith: part() }),
    () => ({ exists: random() < 0.5 }),
    () => ({ before: moment() }),
    () => ({ after: moment() }),
  ];
  return { [path]: pick(random, operators)() };
}

function randomWindow(random: Random): NonNullable<Condition['now']> {
  const clock = ['00:00', '05:00', '12:00', '14:00', '17:30', '22:00'] as const;
  const days = (['mon', 'tue', 'wed'] as const).filter(() => random() < 0.5);
  const [from, to] = [pick(random, clock), pick(random, clock)];
  return {
    ...(days.length > 0 && { days }),
    from,
    ...(to !== from && to !== '00:00' && { to }),
    timezone: pick(random, ['person', 'person', 'Asia/Tokyo', 'GMT-7']),
  };
}

/** A valid condition, about half of them one test alone. `counted` are the events that a `performed` may ask. */
export function randomCondition(random: Random, known: Known, counted: Fields[], depth = 3): Condition {
  const kind = random();
  const within = random() < 0.5 ? {} : { within: pick(random, ['7d', '1mo', '1y', '1h']) };
  const operator = pick(random, ['eq', 'ne', 'gt', 'gte', 'lt', 'lte']);
  const count = random() < 0.5 ? {} : { count: { [operator]: Math.floor(random() * 3) } };
  const inner = () => randomCondition(random, known, counted, depth - 1);
  if (kind < 0.03) return { segment: pick(random, SEGMENTS) };
  if (kind < 0.07) return { converted: { campaign: pick(random, CAMPAIGNS), ...within, ...count } };
  if (kind < 0.11) return { now: randomWindow(random) };
  if (kind < 0.25 && depth > 0) {
    const where = randomCondition(random, { ...known, event: counted }, counted, depth - 1);
    return { performed: { event: pick(random, EVENTS), where, ...within, ...count } };
  }
  if (depth === 0 || kind < 0.75) return randomTest(random, known);
  if (kind < 0.82) return { not: inner() };
  return { [kind < 0.9 ? 'and' : 'or']: [inner(), inner(), ...times(random, 1, inner)] };
}
