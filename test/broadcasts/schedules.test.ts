import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from '../../db/open.ts';
import { publishVersion } from '../../db/campaigns.ts';
import { eq } from 'drizzle-orm';
import { broadcasts, occurrences } from '../../db/schema/campaigns.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { runSchedules } from '../../relay/schedules.ts';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { makeLive } from '../support/crowd.ts';
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

describe('a schedule by cron', () => {
  it('has its next occurrence before it, and goes off once when that is due, whoever looks', async () => {
    await on.schedule({ cron: '0 9 * * mon' }, '2030-01-01T00:00:00Z', { timezone: 'Europe/Paris' });
    expect(await on.look('2030-01-01T00:00:01Z')).toBe(0);
    expect(await on.rows()).toEqual(['2030-01-07T09:00 Europe/Paris due']);
    expect(await on.look('2030-01-07T07:59:59Z')).toBe(0);
    const fired = await Promise.all(Array.from({ length: 4 }, () => on.look('2030-01-07T08:00:00Z')));
    expect(fired.filter((count) => count > 0)).toEqual([1]);
    await on.look('2030-01-07T08:00:01Z');
    expect(await on.rows()).toEqual(['2030-01-07T09:00 Europe/Paris fired', '2030-01-14T09:00 Europe/Paris due']);
    expect(await on.made()).toEqual([{ occurrence: '2030-01-07T09:00', zone: null, version: 1 }]);
  });

  it('that was missed while everything was down goes off once: the latest', async () => {
    await on.schedule({ cron: '0 * * * *' }, '2030-01-01T00:30:00Z');
    await on.look('2030-01-01T00:30:01Z');
    // Down until after five.
    await on.look('2030-01-01T05:10:00Z');
    await on.look('2030-01-01T05:10:01Z');
    expect(await on.rows()).toEqual([
      '2030-01-01T01:00 UTC missed',
      '2030-01-01T05:00 UTC fired',
      '2030-01-01T06:00 UTC due',
    ]);
    expect(await on.made()).toHaveLength(1);
  });

  it.each([
    ['0 9 * * mon', '2030-01-06T12:00:00Z', '2030-01-10T00:00:00Z', ['2030-01-07T09:00', '2030-01-14T09:00']],
    ['0 9 * * mon', '2030-01-06T12:00:00Z', '2030-03-01T00:00:00Z', ['2030-02-25T09:00', '2030-03-04T09:00']],
    ['* * * 1 *', '1970-01-01T00:00:00Z', '2029-12-15T00:00:00Z', ['2029-01-31T23:59', '2030-01-01T00:00']],
    ['* * * * *', '1970-01-01T00:00:00Z', '2030-01-01T00:00:00Z', ['2030-01-01T00:00', '2030-01-01T00:01']],
  ])(
    '%s, which nobody has looked at since its start, goes off once, however late',
    async (cron, since, at, [last, next]) => {
      await on.schedule({ cron }, since);
      expect(await on.look(at)).toBe(1);
      expect(await on.rows()).toEqual([`${last} UTC fired`, `${next} UTC due`]);
    },
  );

  it('that comes while the campaign is paused is missed, also where nobody looked', async () => {
    await on.schedule({ cron: '0 * * * *' }, '2030-01-01T00:30:00Z');
    await on.look('2030-01-01T00:30:01Z');
    await on.setState('live', 'paused', '2030-01-01T00:40:00Z');
    await on.look('2030-01-01T01:00:00Z');
    expect(await on.rows()).toEqual(['2030-01-01T01:00 UTC missed']);
    await on.setState('paused', 'live', '2030-01-01T03:30:00Z');
    await on.look('2030-01-01T03:30:01Z');
    await db
      .update(occurrences)
      .set({ dueAt: new Date(0) })
      .where(eq(occurrences.state, 'due'));
    await on.setState('live', 'paused', '2030-01-01T03:40:00Z');
    await on.setState('paused', 'live', '2030-01-01T04:40:00Z');
    expect(await on.look('2030-01-01T04:40:01Z')).toBe(0);
    expect(await on.made()).toEqual([]);
  });

  it('has nothing before it once the campaign is stopped, and begins anew when it is started again', async () => {
    await on.schedule({ cron: '0 * * * *' }, '2030-01-01T00:30:00Z');
    await on.look('2030-01-01T00:30:01Z');
    await on.setState('live', 'stopped', '2030-01-01T00:40:00Z');
    await on.look('2030-01-01T02:00:00Z');
    expect(await on.rows()).toEqual([]);
    await on.setState('stopped', 'live', '2030-01-01T02:10:00Z');
    await on.look('2030-01-01T02:10:01Z');
    expect(await on.rows()).toEqual(['2030-01-01T03:00 UTC due']);
  });

  it('follows a changed definition, and is kept where it did not change', async () => {
    await on.schedule({ cron: '0 9 * * *' }, '2030-01-01T00:00:00Z');
    await on.look('2030-01-01T00:00:01Z');
    const publish = async (cron: string, at: string, steps: object[]) => {
      const { campaign } = validateCampaign({ trigger: { type: 'schedule', cron }, steps }, 'weekly');
      await publishVersion(db, { ...campaign, id: 'weekly' }, compilePlan(campaign));
      await on.changedAt(at);
    };
    await publish('0 9 * * *', '2030-01-01T08:00:00Z', [{ type: 'exit' }]);
    expect(await on.rows()).toEqual(['2030-01-01T09:00 UTC due']);
    await publish('30 7 * * *', '2030-01-01T08:00:00Z', [{ type: 'exit' }]);
    await on.look('2030-01-01T09:00:00Z');
    expect(await on.rows()).toEqual(['2030-01-02T07:30 UTC due']);
    expect(await on.look('2030-01-02T07:30:00Z')).toBe(1);
    expect(await on.made()).toEqual([{ occurrence: '2030-01-02T07:30', zone: null, version: 3 }]);
  });

  it('that was by most active hours goes off on the same day where its new time is still to come', async () => {
    await on.schedule({ cron: '0 23 * * *', timezone: 'mostActiveHour' }, '2030-01-01T12:00:00Z');
    await on.look('2030-01-01T12:00:00Z');
    await on.look('2030-01-02T00:00:00Z');
    const { campaign } = validateCampaign(
      { trigger: { type: 'schedule', cron: '0 12 * * *' }, steps: [{ type: 'exit' }] },
      'weekly',
    );
    await publishVersion(db, { ...campaign, id: 'weekly' }, compilePlan(campaign));
    await on.changedAt('2030-01-02T08:00:00Z');
    await on.look('2030-01-02T08:00:01Z');
    expect((await on.rows()).at(-1)).toBe('2030-01-02T12:00 UTC due');
  });

  it('goes off on the day on which the clock skips its time, and once on that which shows it twice', async () => {
    await on.schedule({ cron: '30 2 * * *' }, '2030-03-30T12:00:00Z', { timezone: 'Europe/Paris' });
    await on.look('2030-03-30T12:00:00Z');
    expect(await on.look('2030-03-31T01:29:59Z')).toBe(0);
    expect(await on.look('2030-03-31T01:30:00Z')).toBe(1);
    await db.delete(occurrences);
    await on.changedAt('2030-10-26T12:00:00Z');
    await on.look('2030-10-26T12:00:00Z');
    expect(await on.look('2030-10-27T00:30:00Z')).toBe(1);
    expect(await on.look('2030-10-27T01:30:00Z')).toBe(0);
    expect((await on.rows()).slice(-2)).toEqual([
      '2030-10-27T02:30 Europe/Paris fired',
      '2030-10-28T02:30 Europe/Paris due',
    ]);
  });
});

describe('a schedule at one time', () => {
  it('goes off then, and never again', async () => {
    await on.schedule({ at: '2030-05-01T09:00+02:00' }, '2030-01-01T00:00:00Z');
    await on.look('2030-01-01T00:00:00Z');
    expect(await on.look('2030-05-01T07:00:00Z')).toBe(1);
    expect(await on.look('2030-05-01T07:00:01Z')).toBe(0);
    await on.setState('live', 'stopped', '2030-05-02T00:00:00Z');
    await on.setState('stopped', 'live', '2030-05-03T00:00:00Z');
    expect(await on.look('2030-05-03T00:00:01Z')).toBe(0);
    expect(await on.rows()).toEqual(['2030-05-01T07:00Z UTC fired']);
  });

  it('goes off late where nobody had looked since the start, however late', async () => {
    await on.schedule({ at: '2030-05-01T09:00' }, '2030-01-01T00:00:00Z');
    expect(await on.look('2030-07-01T00:00:00Z')).toBe(1);
    expect(await on.look('2030-07-01T00:00:01Z')).toBe(0);
    expect(await on.rows()).toEqual(['2030-05-01T09:00 UTC fired']);
  });

  it('goes off late also where a version with the same schedule was published behind it', async () => {
    await on.schedule({ at: '2020-05-01T09:00' }, '2020-05-01T08:00:00Z');
    const { campaign } = validateCampaign(
      { trigger: { type: 'schedule', at: '2020-05-01T09:00' }, steps: [{ type: 'exit' }] },
      'weekly',
    );
    await publishVersion(db, { ...campaign, id: 'weekly' }, compilePlan(campaign));
    expect(await on.look('2020-05-01T09:10:00Z')).toBe(1);
    expect(await on.made()).toEqual([{ occurrence: '2020-05-01T09:00', zone: null, version: 2 }]);
  });

  it('that comes after the year 9999 in its zone never goes off', async () => {
    await on.schedule({ at: '9999-12-31T23:59', timezone: 'America/New_York' }, '2030-01-01T00:00:00Z');
    expect(await on.look('2030-01-01T00:00:00Z')).toBe(0);
    expect(await on.rows()).toEqual([]);
  });

  it('goes off also where another campaign cannot be seen to', async () => {
    await on.schedule({ at: '2030-05-01T09:00' }, '2030-01-01T00:00:00Z');
    await makeLive(db, 'broken', { trigger: { type: 'schedule', at: '2030-05-01T09:00' } });
    const { campaigns } = createCompiledVersions();
    const failed: string[] = [];
    const look = (at: string) =>
      runSchedules({
        db,
        campaigns: async (tx, id, version) => {
          if (id === 'broken') throw new Error('its definition cannot be read');
          return campaigns(tx, id, version);
        },
        now: new Date(at),
        onFailed: (id, error) => failed.push(`${id}: ${String(error)}`),
      });
    await look('2030-01-01T00:00:01Z');
    expect(await look('2030-05-01T09:00:00Z')).toBe(1);
    expect(new Set(failed)).toEqual(new Set(['broken: Error: its definition cannot be read']));
  });

  it('that was past when the campaign was started does not go off', async () => {
    await on.schedule({ at: '2030-05-01T09:00' }, '2030-06-01T00:00:00Z');
    expect(await on.look('2030-06-01T00:00:01Z')).toBe(0);
    expect(await on.rows()).toEqual([]);
  });

  it('enters who is in the audience, once, under its local time', async () => {
    await on.makePeople([{ id: 'ada' }, { id: 'eve' }, { id: 'lin' }]);
    await on.schedule({ at: '2030-05-01T09:00' }, '2030-01-01T00:00:00Z', {
      audience: { 'customer.id': { ne: 'eve' } },
    });
    await on.look('2030-01-01T00:00:00Z');
    await on.look('2030-05-01T09:00:00Z');
    expect(await on.enterAll('2030-05-01T09:00:01Z')).toEqual({ 'schedule/2030-05-01T09:00 null': ['ada', 'lin'] });
    // Who does not belong to the audience was not selected.
    expect(await db.select({ selected: broadcasts.selected }).from(broadcasts)).toEqual([{ selected: 2 }]);
  });
});

describe('a schedule without a time', () => {
  it('goes off at each start, not when it is resumed', async () => {
    await on.makePeople([{ id: 'ada' }]);
    await on.schedule({}, '2030-01-01T00:00:00Z');
    const now = () => new Date(Date.now() + 1_000).toISOString();
    expect(await on.look(now())).toBe(1);
    expect(await on.look(now())).toBe(0);
    await on.setState('live', 'paused', now());
    await on.setState('paused', 'live', now());
    expect(await on.look(now())).toBe(0);
    await on.setState('live', 'stopped', now());
    await on.setState('stopped', 'live', now());
    expect(await on.look(now())).toBe(1);
    const [first, second] = await on.made();
    expect(first?.occurrence).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(second?.occurrence).not.toBe(first?.occurrence);
  });
});
