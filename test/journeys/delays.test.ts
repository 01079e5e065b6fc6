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
      note: 'it is past: it goes on at once',
    });
    await journeys.post('ned', 'renewal');
    expect((await journeys.ended('ned')).log[0]).toMatchObject({
      what: 'delayed',
      until: null,
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
    expect((await journeys.ended('pia')).reason).toBe('rested');
  });

  it('moves with the zone of somebody who moves', async () => {
    await journeys.publish('breakfast', rest({ time: '08:00', timezone: 'person' }));
    await hookline.api('PUT', '/v1/people/quin', { attributes: { timezone: 'Europe/Paris' } });
    await journeys.post('quin', 'breakfast');
    const [inParis] = await journeys.standing('quin', 'delayed');
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
  });
});
