import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '../../db/open.ts';
import { sql } from 'drizzle-orm';
import { commands } from '../../db/schema/journeys.ts';
import { events, people } from '../../db/schema/people.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { scheduling } from '../support/scheduling.ts';

let database: TestDatabase;
let db: Db;
let on: ReturnType<typeof scheduling>;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ db } = database);
  on = scheduling(db);
});
afterEach(() => database.close());

describe("a schedule in each person's own zone", () => {
  const zones = [
    { id: 'akira', timezone: 'Asia/Tokyo' },
    { id: 'carla', timezone: 'America/New_York' },
    { id: 'nell' },
    { id: 'paul', timezone: 'europe/PARIS' },
    { id: 'pia', timezone: 'Europe/Paris' },
    { id: 'vic', timezone: 'nowhere' },
    { id: 'wes', timezone: -7 },
    { id: 'xin', timezone: 'x'.repeat(5_000) },
  ];

  it('goes off at the same local time everywhere, in each zone that is in use', async () => {
    await on.makePeople(zones);
    await on.schedule({ cron: '0 9 * * *', timezone: 'person' }, '2030-01-01T12:00:00Z', { timezone: 'Europe/Paris' });
    await on.look('2030-01-01T12:00:00Z');
    expect(await on.rows()).toEqual([
      '2030-01-01T09:00 America/New_York due',
      '2030-01-02T09:00 Asia/Tokyo due',
      '2030-01-02T09:00 Europe/Paris due',
    ]);
    for (const at of ['2030-01-01T14:00:00Z', '2030-01-02T00:00:00Z', '2030-01-02T08:00:00Z']) await on.look(at);
    expect(await on.made()).toEqual([
      { occurrence: '2030-01-01T09:00', zone: 'America/New_York', version: 1 },
      { occurrence: '2030-01-02T09:00', zone: 'Asia/Tokyo', version: 1 },
      { occurrence: '2030-01-02T09:00', zone: 'Europe/Paris', version: 1 },
    ]);
    expect(await on.enterAll('2030-01-02T08:00:01Z')).toEqual({
      'schedule/2030-01-01T09:00 America/New_York': ['carla'],
      'schedule/2030-01-02T09:00 Asia/Tokyo': ['akira'],
      'schedule/2030-01-02T09:00 Europe/Paris': ['nell', 'paul', 'pia', 'vic', 'wes', 'xin'],
    });
  });

  it('counts a person once who is found in two zones', async () => {
    await on.makePeople([
      { id: 'akira', timezone: 'Asia/Tokyo' },
      { id: 'paul', timezone: 'Europe/Paris' },
    ]);
    await on.schedule({ at: '2030-02-01T09:00', timezone: 'person' }, '2030-01-01T00:00:00Z');
    await on.look('2030-01-01T00:00:00Z');
    await on.look('2030-02-01T00:00:00Z');
    await on.enterAll('2030-02-01T00:00:01Z');
    await db.execute(sql`update people set attributes = '{"timezone": "Europe/Paris"}' where id = 'akira'`);
    await on.look('2030-02-01T08:00:00Z');
    expect(await on.enterAll('2030-02-01T08:00:01Z')).toEqual({
      'schedule/2030-02-01T09:00 Asia/Tokyo': ['akira'],
      'schedule/2030-02-01T09:00 Europe/Paris': ['paul'],
    });
  });

  it('takes in a zone that comes into use meanwhile, from then on', async () => {
    await on.makePeople([{ id: 'paul', timezone: 'Europe/Paris' }]);
    await on.schedule({ cron: '0 9 * * *', timezone: 'person' }, '2030-01-01T12:00:00Z');
    await on.look('2030-01-01T12:00:00Z');
    await on.makePeople([
      { id: 'carla', timezone: 'America/New_York' },
      { id: 'akira', timezone: 'Asia/Tokyo' },
    ]);
    await on.look('2030-01-01T13:59:00Z');
    expect((await on.rows()).toSorted()).toEqual([
      '2030-01-01T09:00 America/New_York due',
      '2030-01-02T09:00 Asia/Tokyo due',
      '2030-01-02T09:00 Europe/Paris due',
      '2030-01-02T09:00 UTC due',
    ]);
  });

  it('takes in a zone that comes into use again, from then on', async () => {
    await on.makePeople([{ id: 'akira', timezone: 'Asia/Tokyo' }]);
    await on.schedule({ cron: '0 9 * * *', timezone: 'person' }, '2030-01-01T12:00:00Z');
    await on.look('2030-01-01T12:00:00Z');
    await db.delete(people);
    for (const day of ['02', '03', '04']) await on.look(`2030-01-${day}T12:00:00Z`);
    await on.makePeople([{ id: 'keiko', timezone: 'Asia/Tokyo' }]);
    await on.look('2030-01-04T12:01:00Z');
    const inTokyo = (await on.rows()).filter((row) => row.includes('Tokyo'));
    expect(inTokyo).toEqual(['2030-01-02T09:00 Asia/Tokyo fired', '2030-01-05T09:00 Asia/Tokyo due']);
  });

  it('goes off by the last time that a zone missed, though others have theirs before them', async () => {
    await on.makePeople(zones.filter(({ id }) => id === 'carla' || id === 'pia'));
    const trigger = { cron: '0 9,10 * * *', timezone: 'person' };
    await on.schedule(trigger, '2030-01-01T15:30:00Z', { timezone: 'Europe/Paris' });
    await on.look('2030-01-01T15:30:00Z');
    // Down while it is nine and ten in Paris.
    expect(await on.look('2030-01-02T09:30:00Z')).toBe(1);
    expect(await on.look('2030-01-02T09:30:01Z')).toBe(0);
    expect(await on.rows()).toEqual([
      '2030-01-02T09:00 Europe/Paris missed',
      '2030-01-02T10:00 Europe/Paris fired',
      '2030-01-02T09:00 America/New_York due',
      '2030-01-03T09:00 Europe/Paris due',
    ]);
  });
});

describe("a schedule at each person's most active hour", () => {
  it('enters each at theirs, or at its time where none stands out', async () => {
    await on.makePeople([{ id: 'akira', timezone: 'Asia/Tokyo' }, { id: 'nell' }, { id: 'tess' }]);
    const active = (key: string, hour: string, count: number) =>
      db.insert(events).values(
        Array.from({ length: count }, (_, index) => ({
          ...{ id: `${key}-${hour}-${index}`, personKey: `per_${key}`, number: index, name: 'opened', data: {} },
          timestamp: new Date(`2030-01-${String(10 + index).padStart(2, '0')}T${hour}:10:00Z`),
          receivedAt: new Date(),
        })),
      );
    // In Tokyo it is five in the afternoon.
    await active('akira', '08', 12);
    await active('nell', '06', 4);
    await active('tess', '20', 10);
    await on.schedule({ at: '2030-02-01T09:30', timezone: 'mostActiveHour' }, '2030-01-25T00:00:00Z');
    await on.look('2030-01-25T00:00:00Z');
    expect(await on.look('2030-01-31T14:59:59Z')).toBe(0);
    expect(await on.look('2030-01-31T15:00:00Z')).toBe(1);
    expect(await on.look('2030-02-01T00:00:00Z')).toBe(1);
    expect(await on.enterAll('2030-02-01T00:00:01Z')).toEqual({});
    expect(await on.enterAll('2030-02-01T08:00:00Z')).toEqual({ 'schedule/2030-02-01T09:30 Asia/Tokyo': ['akira'] });
    await db.delete(commands);
    expect(await on.enterAll('2030-02-01T09:30:00Z')).toEqual({
      'schedule/2030-02-01T09:30 Asia/Tokyo': ['akira'],
      'schedule/2030-02-01T09:30 UTC': ['nell'],
    });
    expect(await on.enterAll('2030-02-01T20:00:00Z')).toEqual({
      'schedule/2030-02-01T09:30 Asia/Tokyo': ['akira'],
      'schedule/2030-02-01T09:30 UTC': ['nell', 'tess'],
    });
  });
});
