import { setTimeout as sleep } from 'node:timers/promises';
import { desc, eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ingestEvents } from '../../db/events.ts';
import { listWaitingPeople, postponePerson } from '../../db/inbox.ts';
import { putPerson } from '../../db/people.ts';
import { findWait } from '../../db/waits.ts';
import { putSegment } from '../../db/segments.ts';
import { journeyLog, journeys, waits } from '../../db/schema/journeys.ts';
import { events } from '../../db/schema/people.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { matcherOf } from '../support/matcher.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());

const pay = { type: 'wait', id: 'pay', event: 'paid', timeout: '1h' };

const isPaid = { type: 'wait', id: 'pay', until: { 'customer.paid': true }, timeout: '1h' };

/** What a relay does until nothing waits. */
async function matchAll(): Promise<void> {
  const match = matcherOf(test.db);
  for (;;) {
    const keys = await listWaitingPeople(test.db, 100);
    if (keys.length === 0) return;
    await Promise.all(keys.map(match));
  }
}

const ingest = (person: string, name = 'paid') => ingestEvents(test.db, [{ person, name, data: {}, backfill: false }]);
const setDeadline = (journey: string, deadline: Date) =>
  test.db.update(waits).set({ deadline }).where(eq(waits.journeyId, journey));
const outcomeOf = async (journey: string) => (await findWait(test.db, journey, 'pay'))?.outcome;

describe('an event that comes while a wait is set up', () => {
  it('ends it, however the two meet, with the relay beside them', async () => {
    const ids: string[] = [];
    for (let each = 0; each < 40; each += 1) {
      const person = `race-${each}`;
      const journey = await test.enter('race', { steps: [pay] }, { person });
      ids.push(journey);
      await Promise.all([
        test.prepare(journey, 'pay', 'wait'),
        sleep(each % 8).then(() => ingest(person)),
        sleep(each % 5).then(matchAll),
      ]);
    }
    await matchAll();
    const outcomes = await Promise.all(ids.map(outcomeOf));
    expect(outcomes).toEqual(ids.map(() => 'event'));
  });

  it('ends it once, whoever looks: a relay, and several activities at once', async () => {
    const person = 'crowd';
    const journey = await test.enter('crowd', { steps: [pay] }, { person });
    await test.prepare(journey, 'pay', 'wait');
    const { endWait } = test.another();
    await ingest(person);
    const looks = await Promise.all([
      ...Array.from({ length: 8 }, () => runIn(endWait, { journey, step: 'pay' })),
      matchAll().then(() => ({ until: null, ended: 'then' })),
      matchAll().then(() => ({ until: null, ended: 'then' })),
    ]);
    expect(looks).toEqual(looks.map(() => ({ until: null, ended: 'then' })));
    expect((await test.journey(journey)).log.map(({ what }) => what)).toEqual(['waiting', 'received']);
  });
});

describe('a wait behind a delay that was over before its worker came to it', () => {
  it('is ended by what came after the due time, and not by what came before', async () => {
    const steps = [{ type: 'delay', id: 'rest', for: '1h' }, pay];
    const journey = await test.enter('slept', { steps }, { person: 'slept' });
    await test.prepare(journey, 'rest', 'delay');
    await ingest('slept');
    await sleep(5);
    const due = new Date();
    await sleep(5);
    const [after] = await ingest('slept');
    await matchAll();
    await test.db.update(journeys).set({ stepUntil: due }).where(eq(journeys.id, journey));
    expect(await test.prepare(journey, 'pay', 'wait')).toEqual({ type: 'wait', until: null, ended: 'then' });
    const { log } = await test.journey(journey);
    expect(log.at(-1)).toMatchObject({ what: 'received', details: { event: after?.id } });
  });
});

describe('the time of a wait', () => {
  it('is over only after what was received before it has been looked at', async () => {
    const journey = await test.enter('due', { steps: [pay] }, { person: 'due' });
    await test.prepare(journey, 'pay', 'wait');
    await ingest('due');
    // The relay is down meanwhile, and the timer fires.
    const late = test.another({ now: () => new Date(Date.now() + 2 * 3_600_000) });
    expect(await runIn(late.endWait, { journey, step: 'pay' })).toEqual({ until: null, ended: 'then' });
    await matchAll();
    expect(await outcomeOf(journey)).toBe('event');
  });

  it('ends it for good: an event that comes after it changes nothing', async () => {
    const journey = await test.enter('over', { steps: [pay] }, { person: 'over' });
    await test.prepare(journey, 'pay', 'wait');
    await setDeadline(journey, new Date(Date.now() - 60_000));
    await ingest('over');
    const { endWait } = test.another({ now: () => new Date() });
    expect(await runIn(endWait, { journey, step: 'pay' })).toEqual({ until: null, ended: 'onTimeout' });
    await matchAll();
    expect(await outcomeOf(journey)).toBe('timedOut');
  });

  it('is over for a condition that comes true after it, though the workflow was away', async () => {
    const journey = await test.enter('away', { steps: [isPaid] }, { person: 'away' });
    await test.prepare(journey, 'pay', 'wait');
    await setDeadline(journey, new Date(Date.now() - 60_000));
    await putPerson(test.db, 'away', { paid: true });
    await matchAll();
    expect(await outcomeOf(journey)).toBeNull();
  });

  it('is not over for a condition that came true before it, though the relay was away', async () => {
    const journey = await test.enter('behind', { steps: [isPaid] }, { person: 'behind' });
    await test.prepare(journey, 'pay', 'wait');
    await putPerson(test.db, 'behind', { paid: true });
    const key = (await findWait(test.db, journey, 'pay'))?.personKey ?? '';
    await matcherOf(test.db, () => new Date(Date.now() + 2 * 3_600_000))(key);
    expect(await outcomeOf(journey)).toBe('condition');
  });
});

describe('a condition whose time is over', () => {
  const hour = 3_600_000;
  const later = () => new Date(Date.now() + 2 * hour);

  it('is left to the relay while something that came in time is still to be matched', async () => {
    const journey = await test.enter('lag', { steps: [isPaid] }, { person: 'lag' });
    await test.prepare(journey, 'pay', 'wait');
    await ingest('lag', 'came');
    const now = later();
    const { endWait } = test.another({ now: () => now });
    const again = new Date(now.getTime() + 60_000).toISOString();
    expect(await runIn(endWait, { journey, step: 'pay' })).toEqual({ until: again, ended: null });
    await matchAll();
    expect(await runIn(endWait, { journey, step: 'pay' })).toEqual({ until: null, ended: 'onTimeout' });
  });

  it('on a segment holds by what came in time, though the relay brings the person in after it', async () => {
    await putSegment(test.db, 'payers', () => ({ condition: { 'customer.paid': true }, timed: false }));
    const steps = [{ ...isPaid, until: { segment: 'payers' } }];
    const journey = await test.enter('payers', { steps }, { person: 'payer' });
    await test.prepare(journey, 'pay', 'wait');
    const key = (await findWait(test.db, journey, 'pay'))?.personKey ?? '';
    await putPerson(test.db, 'payer', { paid: true });
    const { endWait } = test.another({ now: later });
    expect(await runIn(endWait, { journey, step: 'pay' })).toMatchObject({ ended: null });
    await matcherOf(test.db, later)(key);
    expect(await runIn(endWait, { journey, step: 'pay' })).toEqual({ until: null, ended: 'then' });
  });

  it('in the where of an event asks for a segment only when the relay has come to the event', async () => {
    const steps = [{ ...pay, where: { segment: 'payers' } }];
    const journey = await test.enter('members', { steps }, { person: 'member' });
    await test.prepare(journey, 'pay', 'wait');
    await putPerson(test.db, 'member', { paid: true });
    await ingest('member');
    const { endWait } = test.another({ now: later });
    expect(await runIn(endWait, { journey, step: 'pay' })).toMatchObject({ ended: null });
    await matchAll();
    expect(await runIn(endWait, { journey, step: 'pay' })).toEqual({ until: null, ended: 'then' });
  });

  it('is not left to a relay that cannot match the person', async () => {
    const journey = await test.enter('stuck', { steps: [isPaid] }, { person: 'stuck' });
    await test.prepare(journey, 'pay', 'wait');
    await ingest('stuck', 'came');
    await postponePerson(test.db, (await findWait(test.db, journey, 'pay'))?.personKey ?? '');
    const { endWait } = test.another({ now: later });
    expect(await runIn(endWait, { journey, step: 'pay' })).toEqual({ until: null, ended: 'onTimeout' });
    await matchAll();
  });

  it('is judged by what there was then, whoever looks', async () => {
    const until = { or: [{ 'customer.paid': true }, { performed: { event: 'paid' } }] };
    for (const first of ['relay', 'activity']) {
      const journey = await test.enter(first, { steps: [{ ...isPaid, until }] }, { person: first });
      await test.prepare(journey, 'pay', 'wait');
      await ingest(first, 'came');
      await setDeadline(journey, new Date());
      await sleep(5);
      await putPerson(test.db, first, { paid: true });
      await ingest(first);
      if (first === 'activity') await test.db.execute(sql`truncate inbox, waiting`);
      else await matchAll();
      expect(await outcomeOf(journey)).toBeNull();
      const { endWait } = test.another({ now: later });
      expect(await runIn(endWait, { journey, step: 'pay' })).toEqual({ until: null, ended: 'onTimeout' });
      const [line] = await test.db
        .select()
        .from(journeyLog)
        .where(eq(journeyLog.what, 'timedOut'))
        .orderBy(desc(journeyLog.at));
      expect(line).toMatchObject({ journeyId: journey, details: { values: { 'performed paid': 0 } } });
    }
  });

  it('has used up what came in time: the next wait looks behind it', async () => {
    const until = { performed: { event: 'paid' } };
    const journey = await test.enter('both', { steps: [{ ...isPaid, until }] }, { person: 'both' });
    await test.prepare(journey, 'pay', 'wait');
    await ingest('both');
    await test.db.execute(sql`truncate inbox, waiting`);
    const { endWait } = test.another({ now: later });
    expect(await runIn(endWait, { journey, step: 'pay' })).toEqual({ until: null, ended: 'then' });
    const [event] = await test.db.select().from(events).where(eq(events.name, 'paid')).orderBy(desc(events.receivedAt));
    expect(await findWait(test.db, journey, 'pay')).toMatchObject({ outcome: 'condition', position: event?.number });
  });
});

it('a wait for a condition ends at what fulfilled it: the next one looks behind that', async () => {
  const twice = { type: 'wait', id: 'pay', until: { performed: { event: 'paid', count: { gte: 2 } } } };
  const journey = await test.enter('twice', { steps: [twice] }, { person: 'twice' });
  await test.prepare(journey, 'pay', 'wait');
  const paid = { person: 'twice', name: 'paid', data: {}, backfill: false };
  const [, second] = await ingestEvents(test.db, [paid, paid, paid]);
  await matchAll();
  const [event] = await test.db
    .select()
    .from(events)
    .where(eq(events.id, second?.id ?? ''));
  expect(await findWait(test.db, journey, 'pay')).toMatchObject({ outcome: 'condition', position: event?.number });
});

it('a wait for a condition is not fulfilled by what was before it began, though that is matched only then', async () => {
  const until = { not: { performed: { event: 'paid' } } };
  const journey = await test.enter('lagging', { steps: [{ ...isPaid, until }] }, { person: 'lagging' });
  await ingest('lagging', 'seen');
  await ingest('lagging');
  const last = sql`(select last_number from people where id = 'lagging')`;
  await test.db.update(journeys).set({ position: last }).where(eq(journeys.id, journey));
  expect(await test.prepare(journey, 'pay', 'wait')).toMatchObject({ ended: null });
  await matchAll();
  expect(await outcomeOf(journey)).toBeNull();
});

it('a wait began when its step says so, whatever the clock of Postgres', async () => {
  const now = new Date('2030-01-01T00:00:00Z');
  const journey = await test.enter('clock', { steps: [pay] }, { person: 'clock' });
  await runIn(test.another({ now: () => now }).prepare, { journey, step: 'pay', type: 'wait' });
  const deadline = new Date('2030-01-01T01:00:00Z');
  expect(await findWait(test.db, journey, 'pay')).toMatchObject({ createdAt: now, deadline });
});

it('a wait of a journey that begins again at its step is the same wait', async () => {
  const journey = await test.enter('again', { steps: [pay] }, { person: 'again' });
  const first = await test.prepare(journey, 'pay', 'wait');
  expect(await test.prepare(journey, 'pay', 'wait')).toEqual(first);
  await ingest('again');
  await matchAll();
  expect(await test.prepare(journey, 'pay', 'wait')).toEqual({ type: 'wait', until: null, ended: 'then' });
});

it('a wait of somebody who was erased has ended', async () => {
  const { endWait } = test.another();
  expect(await runIn(endWait, { journey: 'jrn_gone', step: 'pay' })).toEqual({ until: null, ended: 'elapsed' });
});

it('a thousand events that are not the right one wake no workflow', { timeout: 120_000 }, async () => {
  const journey = await test.enter('busy', { steps: [{ ...pay, where: { 'event.ok': true } }] }, { person: 'busy' });
  await test.prepare(journey, 'pay', 'wait');
  const wrong = Array.from({ length: 1_000 }, () => ({ person: 'busy', name: 'paid', data: {}, backfill: false }));
  await ingestEvents(test.db, wrong);
  const wake = async () =>
    (await test.db.execute(`select 1 from commands where workflow_id like '%${journey}%'`)).length;
  await matchAll();
  expect(await wake()).toBe(0);
  await ingestEvents(test.db, [{ person: 'busy', name: 'paid', data: { ok: true }, backfill: false }]);
  await matchAll();
  expect(await wake()).toBe(1);
});
