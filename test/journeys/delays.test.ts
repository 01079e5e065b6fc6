import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { exit, journeysIn } from '../support/journeys.ts';

let hookline: Hookline;
let journeys: ReturnType<typeof journeysIn>;

beforeAll(async () => {
  hookline = await startHookline();
  journeys = journeysIn(hookline);
});
afterAll(() => hookline.stop());

describe('a delay until the person’s own moment', () => {
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  const rest = (until: object) => [{ type: 'delay', id: 'rest', until }, ...exit('rested')];

  it('goes on at once where there is none, or it is past, and says so', async () => {
    await journeys.publish('renewal', rest({ attribute: 'renewal_date', offset: '-3d' }));
    await hookline.api('PUT', '/v1/people/mia', { attributes: { renewal_date: '2020-01-10' } });
    await journeys.post('mia', 'renewal');
    expect((await journeys.ended('mia')).log[0]).toMatchObject({
      what: 'delayed',
      until: '2020-01-07T00:00:00.000Z',
      values: { 'customer.renewal_date': '2020-01-10' },
      note: 'it is past: it goes on at once',
    });
    await hookline.api('PUT', '/v1/people/ned', { attributes: { renewal_date: 'soon' } });
    await journeys.post('ned', 'renewal');
    expect((await journeys.ended('ned')).log[0]).toMatchObject({
      what: 'delayed',
      until: null,
      values: { 'customer.renewal_date': 'soon' },
      note: 'the person has no such date: it goes on at once',
    });
  });

  it('moves with the attribute, later and earlier', async () => {
    await journeys.publish('moved', rest({ attribute: 'due' }));
    await hookline.api('PUT', '/v1/people/oda', { attributes: { due: inSeconds(3600) } });
    await journeys.post('oda', 'moved');
    const [at] = await journeys.standing('oda', 'delayed');
    const due = inSeconds(7200);
    await hookline.api('PUT', '/v1/people/oda', { attributes: { due } });
    await eventually(async () => (await journeys.of('oda'))[0]?.step?.until === due);
    expect(at?.step?.until).not.toBe(due);
    expect((await journeys.of('oda'))[0]?.log.at(-1)).toMatchObject({ what: 'moved', step: 'rest', until: due });
    const soon = inSeconds(1);
    await hookline.api('PUT', '/v1/people/oda', { attributes: { due: soon } });
    const journey = await journeys.ended('oda');
    expect(journey.reason).toBe('rested');
    expect(journey.log.find(({ what }) => what === 'elapsed')).toMatchObject({ deadline: soon });
  });

  it('ends when the attribute goes', async () => {
    await journeys.publish('gone', rest({ attribute: 'due' }));
    await hookline.api('PUT', '/v1/people/pia', { attributes: { due: inSeconds(3600) } });
    await journeys.post('pia', 'gone');
    await journeys.standing('pia', 'delayed');
    await hookline.api('PUT', '/v1/people/pia', { attributes: { due: null } });
    const journey = await journeys.ended('pia');
    expect(journey.reason).toBe('rested');
    expect(journey.log.find(({ what }) => what === 'moved')).toMatchObject({
      until: null,
      note: 'the person has no such date: it goes on at once',
    });
  });

  it('lasts to the hour in which the person is most active on their own clock, and moves with that', async () => {
    await journeys.publish('active', rest({ mostActiveHour: true, time: '09:30' }));
    await hookline.api('PUT', '/v1/people/ravi', { attributes: { timezone: 'Asia/Kathmandu' } });
    const opened = (count: number, daysAgo: number, clock: string) =>
      Array.from({ length: count }, () => ({
        person: 'ravi',
        name: 'opened',
        timestamp: `${new Date(Date.now() - daysAgo * 24 * 3_600_000).toISOString().slice(0, 10)}T${clock}:00Z`,
      }));
    // In Kathmandu 17:35 and 17:55, 02:05, and what is too long ago.
    const events = [opened(6, 2, '11:50'), opened(6, 3, '12:10'), opened(8, 4, '20:20'), opened(20, 30, '03:00')];
    await hookline.api('POST', '/v1/events', events.flat());
    await journeys.post('ravi', 'active');
    const [journey] = await journeys.standing('ravi', 'delayed');
    const until = journey?.step?.until ?? '';
    expect(until).toMatch(/T11:15:00.000Z$/);
    expect(Date.parse(until) - Date.now()).toBeLessThan(24 * 3_600_000);
    expect(journey?.log).toMatchObject([{ what: 'delayed', until, hour: 17 }]);
    await hookline.api('PUT', '/v1/people/ravi', { attributes: { timezone: 'UTC' } });
    const moved = await eventually(async () => {
      const [now] = await journeys.of('ravi');
      return now?.step?.until?.endsWith('T20:00:00.000Z') && now;
    });
    expect(moved.log).toMatchObject([{ hour: 17 }, { what: 'moved', until: moved.step?.until, hour: 20 }]);
  });

  it('lasts to its time where no hour of the person stands out', async () => {
    await journeys.publish('quiet', rest({ mostActiveHour: true, time: '09:30' }));
    await hookline.api('PUT', '/v1/people/sol', { attributes: { timezone: 'Asia/Kathmandu' } });
    await journeys.post('sol', 'quiet');
    const [journey] = await journeys.standing('sol', 'delayed');
    expect(journey?.step?.until).toMatch(/T03:45:00.000Z$/);
    expect(journey?.log).toMatchObject([{ what: 'delayed', hour: null }]);
  });

  it('moves with the zone of somebody who moves', async () => {
    await journeys.publish('breakfast', rest({ time: '08:00', timezone: 'person' }));
    await hookline.api('PUT', '/v1/people/quin', { attributes: { timezone: 'Europe/Paris' } });
    await journeys.post('quin', 'breakfast');
    const [inParis] = await journeys.standing('quin', 'delayed');
    // There were such mornings since in Apia: it lasts to the next one after the change.
    await hookline.database.db.execute(sql`
      update waits set created_at = created_at - interval '2 d' where journey_id = ${inParis?.id}`);
    await hookline.api('PUT', '/v1/people/quin', { attributes: { timezone: 'Pacific/Apia' } });
    const moved = await eventually(async () => {
      const [journey] = await journeys.of('quin');
      return journey?.step?.until !== inParis?.step?.until && journey;
    });
    const clock = (until: string | null | undefined, timeZone: string) =>
      new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' }).format(
        Date.parse(until ?? ''),
      );
    expect(clock(inParis?.step?.until, 'Europe/Paris')).toBe('08:00');
    expect(clock(moved.step?.until, 'Pacific/Apia')).toBe('08:00');
    expect(Date.parse(moved.step?.until ?? '')).toBeGreaterThan(Date.now());
  });
});
