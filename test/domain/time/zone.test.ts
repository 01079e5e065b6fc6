import { describe, expect, it } from 'vitest';
import { parseInput } from '../../../domain/input/faults.ts';
import {
  canonicalZone,
  ianaZoneSchema,
  instantOf,
  resolveZone,
  wallOf,
  zoneOfPerson,
  zoneSchema,
} from '../../../domain/time/zone.ts';

const instant = (wall: string, zone: string) => instantOf(new Date(`${wall}Z`), zone).toISOString();
const wall = (moment: string, zone: string) => wallOf(new Date(moment), zone).toISOString().slice(0, -1);

describe('a zone', () => {
  it.each([
    ['Europe/Paris', 'Europe/Paris'],
    ['europe/paris', 'Europe/Paris'],
    ['AMERICA/PORT-AU-PRINCE', 'America/Port-au-Prince'],
    ['america/argentina/buenos_aires', 'America/Argentina/Buenos_Aires'],
    ['etc/gmt+7', 'Etc/GMT+7'],
    ['us/eastern', 'US/Eastern'],
    ['utc', 'UTC'],
    ['GMT', 'UTC'],
    ['Z', 'UTC'],
    ['GMT+0', 'UTC'],
    ['GMT-7', '-07:00'],
    ['gmt+5:30', '+05:30'],
    ['UTC+0530', '+05:30'],
    ['+14', '+14:00'],
    ['-12:00', '-12:00'],
  ])('%s has one spelling, %s, that is its own', (zone, canonical) => {
    expect(canonicalZone(zone)).toBe(canonical);
    expect(canonicalZone(canonical)).toBe(canonical);
  });

  it.each([
    '',
    ' ',
    'Mars/Olympus',
    'Europe/Pariss',
    ' Europe/Paris',
    'PST',
    'IST',
    'GMT+15',
    'GMT-13',
    '+14:01',
    'GMT+5:60',
    '5',
    '530',
    'person',
    '2026-03-01T00:00Z[Europe/Paris]',
    `Europe/${'a'.repeat(10_000)}`,
  ])('"%s" is none', (zone) => {
    expect(canonicalZone(zone)).toBeUndefined();
    expect(() => wallOf(new Date(0), zone)).toThrow(RangeError);
  });

  it('knows every name that the runtime lists, in any case', () => {
    for (const name of Intl.supportedValuesOf('timeZone')) expect(canonicalZone(name.toLowerCase())).toBe(name);
  });

  it.each([
    ['GMT-7', '2026-03-01T05:00:00.000'],
    ['Etc/GMT+7', '2026-03-01T05:00:00.000'],
    ['GMT+5:30', '2026-03-01T17:30:00.000'],
    ['GMT-3:30', '2026-03-01T08:30:00.000'],
    ['Asia/Kathmandu', '2026-03-01T17:45:00.000'],
    ['Australia/Eucla', '2026-03-01T20:45:00.000'],
    ['Pacific/Kiritimati', '2026-03-02T02:00:00.000'],
    ['Pacific/Pago_Pago', '2026-03-01T01:00:00.000'],
    ['UTC', '2026-03-01T12:00:00.000'],
  ])('in %s clocks show %s at noon in UTC', (zone, shown) => {
    expect(wall('2026-03-01T12:00:00Z', zone)).toBe(shown);
    expect(instant(shown, zone)).toBe('2026-03-01T12:00:00.000Z');
  });
});

describe('a wall time', () => {
  it.each([
    ['Europe/Paris', '2026-03-29T02:30', '2026-03-29T01:30:00.000Z', '2026-03-29T03:30:00.000'],
    ['America/New_York', '2026-03-08T02:30', '2026-03-08T07:30:00.000Z', '2026-03-08T03:30:00.000'],
    ['Australia/Sydney', '2026-10-04T02:30', '2026-10-03T16:30:00.000Z', '2026-10-04T03:30:00.000'],
    ['Australia/Lord_Howe', '2026-10-04T02:15', '2026-10-03T15:45:00.000Z', '2026-10-04T02:45:00.000'],
    ['America/Sao_Paulo', '2018-11-04T00:00', '2018-11-04T03:00:00.000Z', '2018-11-04T01:00:00.000'],
    ['Africa/Cairo', '2026-04-24T00:00', '2026-04-23T22:00:00.000Z', '2026-04-24T01:00:00.000'],
    ['Pacific/Apia', '2011-12-30T09:00', '2011-12-30T19:00:00.000Z', '2011-12-31T09:00:00.000'],
  ])('that clocks in %s skip, %s, moves forward by the gap', (zone, skipped, moment, shown) => {
    expect(instant(skipped, zone)).toBe(moment);
    expect(wall(moment, zone)).toBe(shown);
  });

  it.each([
    ['Europe/Paris', '2026-10-25T02:30', '2026-10-25T00:30:00.000Z'],
    ['America/New_York', '2026-11-01T01:30', '2026-11-01T05:30:00.000Z'],
    ['Australia/Sydney', '2026-04-05T02:30', '2026-04-04T15:30:00.000Z'],
    ['Australia/Lord_Howe', '2026-04-05T01:45', '2026-04-04T14:45:00.000Z'],
    ['America/Sao_Paulo', '2018-02-17T23:30', '2018-02-18T01:30:00.000Z'],
  ])('that clocks in %s show twice, %s, is the first', (zone, repeated, moment) => {
    expect(instant(repeated, zone)).toBe(moment);
  });

  it.each([
    ['0044-03-15T12:00', '0044-03-15T11:50:39.000Z'],
    ['1800-01-01T00:00', '1799-12-31T23:50:39.000Z'],
    ['2999-07-01T12:00', '2999-07-01T10:00:00.000Z'],
    ['9999-12-31T23:59', '9999-12-31T22:59:00.000Z'],
  ])('in Paris %s is %s, however far away', (local, moment) => {
    expect(instant(local, 'Europe/Paris')).toBe(moment);
    expect(wall(moment, 'Europe/Paris')).toBe(`${local}:00.000`);
  });
});

describe('the zone of a person', () => {
  it.each([
    [{ timezone: 'america/new_york' }, 'America/New_York'],
    [{ timezone: 'GMT-7' }, '-07:00'],
    [{}, 'Europe/Paris'],
    [{ timezone: null }, 'Europe/Paris'],
    [{ timezone: '' }, 'Europe/Paris'],
    [{ timezone: 'Mars/Olympus' }, 'Europe/Paris'],
    [{ timezone: 'person' }, 'Europe/Paris'],
    [{ timezone: 120 }, 'Europe/Paris'],
    [{ timezone: ['Asia/Tokyo'] }, 'Europe/Paris'],
  ])('with the attributes %o is %s', (attributes, zone) => {
    expect(zoneOfPerson(attributes, 'europe/paris')).toBe(zone);
  });

  it('is what a definition means by person; without a word it means the campaign', () => {
    const person = { attributes: { timezone: 'asia/tokyo' }, timezone: 'Europe/Paris' };
    expect(resolveZone('person', person)).toBe('Asia/Tokyo');
    expect(resolveZone(undefined, person)).toBe('Europe/Paris');
    expect(resolveZone('gmt+2', person)).toBe('+02:00');
  });
});

describe('a zone in a definition', () => {
  it('stays as it was written', () => {
    expect(parseInput(zoneSchema('person'), 'europe/paris')).toBe('europe/paris');
    expect(parseInput(zoneSchema('person'), 'person')).toBe('person');
    expect(parseInput(zoneSchema(), 'GMT-7')).toBe('GMT-7');
    expect(parseInput(ianaZoneSchema, 'Etc/GMT+7')).toBe('Etc/GMT+7');
  });

  it.each([
    ['Europe/Pariss', 'is no time zone; did you mean "Europe/Paris"?'],
    ['persn', 'is no time zone; did you mean "person"?'],
    ['GMT+25', 'is no time zone; write one such as Europe/Paris, an offset such as GMT-7 or person'],
  ])('"%s" is refused in words', (zone, message) => {
    expect(() => parseInput(zoneSchema('person'), zone)).toThrow(message);
  });

  it.each(['GMT-7', '+01:00', 'Z', 'person'])('of a campaign is not "%s"', (zone) => {
    expect(() => parseInput(ianaZoneSchema, zone)).toThrow('is no IANA time zone; write one such as');
  });
});
