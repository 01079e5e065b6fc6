import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listConcernedJourneys } from '../../db/goals.ts';
import { findPerson } from '../../db/people.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
});
afterAll(() => hookline.stop());

type Journey = { id: string; state: string; reason: string | null; endedAt: string | null };
type Line = { what: string; event?: string };

const steps = [{ type: 'delay', for: '1h' }];

/** A live campaign on the event of its name. */
const publish = (campaign: string, rules: object) =>
  hookline.publish(campaign, { trigger: { type: 'event', event: campaign }, steps, ...rules });

/** Stores events of a person in their order, and returns when they have been matched. */
async function did(person: string, ...events: (string | { name: string; [field: string]: unknown })[]): Promise<void> {
  const list = events.map((event) => ({ person, ...(typeof event === 'string' ? { name: event } : event) }));
  await hookline.api('POST', '/v1/events', list);
  await eventually(async () => {
    const rows = await hookline.database.db.execute(sql`
      select from inbox join people on key = person_key where id = ${person}`);
    return rows.length === 0;
  });
}

async function journeysOf(person: string): Promise<Journey[]> {
  const { body } = await hookline.api<{ data: Journey[] }>('GET', `/v1/journeys?person=${person}`);
  return body.data.map(({ id, state, reason, endedAt }) => ({ id, state, reason, endedAt }));
}

async function logOf({ id }: Journey): Promise<Line[]> {
  return (await hookline.api<{ log: Line[] }>('GET', `/v1/journeys/${id}`)).body.log;
}

const conversionsOf = (person: string) =>
  hookline.database.db.execute<{ campaign_id: string; event_id: string }>(sql`
    select campaign_id, event_id, journey_id from conversions join people on key = person_key where id = ${person}
    order by journey_id`);

describe('an event that ends journeys', () => {
  it('ends each journey of the person that names it, wherever it is, and leaves a line', async () => {
    await publish('trial', { exit: { events: ['account_closed', 'paid'] } });
    await publish('tips', {});
    await did('ann', 'trial', 'tips', 'trial', { id: 'paid-1', name: 'paid' });
    const [first, tips, second] = await journeysOf('ann');
    expect([first, tips, second]).toMatchObject([
      { state: 'exited', reason: 'exit event paid' },
      { state: 'starting', reason: null },
      { state: 'exited', reason: 'exit event paid' },
    ]);
    expect(first && (await logOf(first))).toMatchObject([
      { step: null, what: 'exited', reason: 'exit event paid', event: 'paid-1' },
    ]);
  });

  it('does not end the one that it begins, nor those of others, and not if it is long past', async () => {
    await publish('renewed', { exit: { events: ['renewed'] } });
    await did('bob', 'renewed');
    await did('cat', 'renewed');
    await did('bob', { name: 'renewed', backfill: true }, { name: 'renewed', timestamp: daysAgo(2) });
    expect(await journeysOf('bob')).toMatchObject([{ state: 'starting' }]);
    await did('bob', 'renewed');
    expect(await journeysOf('bob')).toMatchObject([{ state: 'exited' }, { state: 'starting' }]);
    expect(await journeysOf('cat')).toMatchObject([{ state: 'starting' }]);
  });

  it('ends by the version that the journey entered', async () => {
    await publish('versioned', { exit: { events: ['old'] } });
    await did('dan', 'versioned');
    await publish('versioned', { exit: { events: ['new'] } });
    await did('dan', 'versioned', 'new');
    expect(await journeysOf('dan')).toMatchObject([{ state: 'starting' }, { state: 'exited' }]);
    await did('dan', 'old');
    expect(await journeysOf('dan')).toMatchObject([{ state: 'exited' }, { state: 'exited' }]);
  });
});

describe('a goal', () => {
  const goal = { event: 'purchase', within: '7d' };

  it('is reached once, by the first such event after entry, and the journey goes on', async () => {
    await publish('nudge', { goal });
    await did('eve', 'purchase', 'nudge', { id: 'order-1', name: 'purchase' }, { id: 'order-2', name: 'purchase' });
    const [journey] = await journeysOf('eve');
    expect(await conversionsOf('eve')).toEqual([
      { campaign_id: 'nudge', event_id: 'order-1', journey_id: journey?.id },
    ]);
    expect(journey).toMatchObject({ state: 'starting' });
    expect(journey && (await logOf(journey))).toMatchObject([
      { step: null, what: 'converted', event: 'order-1', name: 'purchase', values: {}, credited: null },
    ]);
  });

  it('ends its journey with exit', async () => {
    await publish('until-bought', { goal: { ...goal, exit: true }, exit: { events: ['purchase'] } });
    await did('fay', 'until-bought', 'purchase');
    expect(await journeysOf('fay')).toMatchObject([{ state: 'exited', reason: 'goal' }]);
    expect(await conversionsOf('fay')).toHaveLength(1);
  });

  it('asks its condition of the event at hand, and of the person', async () => {
    await publish('big', {
      goal: { ...goal, exit: true, where: { 'event.total': { gte: 100 }, 'customer.country': 'FR' } },
    });
    await did('gil', 'big', { name: 'purchase', data: { total: 5 } }, { name: 'purchase', data: { total: 200 } });
    expect(await conversionsOf('gil')).toEqual([]);
    const third = { id: 'order-3', name: 'purchase', data: { total: 100 }, attributes: { country: 'FR' } };
    await did('gil', third);
    expect(await conversionsOf('gil')).toMatchObject([{ event_id: 'order-3' }]);
    const [journey] = await journeysOf('gil');
    expect(journey && (await logOf(journey))).toMatchObject([
      { what: 'converted', values: { 'event.total': 100, 'customer.country': 'FR' } },
      { what: 'exited', reason: 'goal', event: 'order-3' },
    ]);
  });

  it('is reached also after the journey has ended, within its time, by the time of the event', async () => {
    await publish('short', { goal: { ...goal, within: '1h' }, exit: { events: ['left'] } });
    const [at, until] = [new Date(Date.now() - 7_200_000), new Date(Date.now() - 3_600_000)];
    await did('hal', 'short', 'left');
    const window = sql`update journeys set goal_until = ${until.toISOString()}::timestamptz where campaign_id = 'short'`;
    await hookline.database.db.execute(window);
    await did('hal', 'purchase');
    expect(await conversionsOf('hal')).toEqual([]);
    await did('hal', { id: 'late', name: 'purchase', timestamp: at.toISOString() });
    expect(await conversionsOf('hal')).toMatchObject([{ event_id: 'late' }]);
    expect(await journeysOf('hal')).toMatchObject([{ state: 'exited', reason: 'exit event left' }]);
  });

  it('is not reached by what began the journey, by what is long past, or by a backfill', async () => {
    await publish('purchase', { goal });
    await did('ida', 'purchase', { name: 'purchase', backfill: true }, { name: 'purchase', timestamp: daysAgo(2) });
    expect(await conversionsOf('ida')).toEqual([]);
    await did('ida', 'purchase');
    expect(await conversionsOf('ida')).toHaveLength(1);
  });

  it('lets a campaign ask for the conversion at once', async () => {
    await publish('converting', { goal: { event: 'bought', within: '1d' } });
    await hookline.publish('thanks', {
      trigger: { type: 'event', event: 'bought' },
      audience: { converted: { campaign: 'converting' } },
      steps,
    });
    await did('jan', 'converting', { id: 'bought-1', name: 'bought' });
    expect((await hookline.api('GET', '/v1/events/bought-1')).body).toMatchObject({
      outcomes: [{ campaign: 'thanks', outcome: 'entered' }],
    });
  });
});

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();

it('what an event concerns is found without reading their journeys where no campaign has goals or exits', async () => {
  const { db } = hookline.database;
  await hookline.api('PUT', '/v1/people/old', {});
  const person = await findPerson(db, 'old');
  const personKey = person?.key ?? '';
  await db.execute(sql`
    insert into journeys (id, campaign_id, version, person_key, cause, state, ended_at)
    select 'jrn_old_' || n, 'tips', 1, ${personKey}, 'event/' || n, 'completed', case when n % 2 = 0 then now() end
    from generate_series(1, 5000) as n`);
  await db.execute(sql`analyze journeys`);
  const event = {
    ...{ id: 'any', personKey, number: 9_999_999, name: 'purchase', data: {}, backfill: false },
    ...{ timestamp: new Date(), receivedAt: new Date() },
  };
  await db.transaction(async (tx) => {
    const rowsRead = async () => {
      const [row] = await tx.execute<{ rows: number }>(sql`
        select (seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_xact_user_tables where relname = 'journeys'`);
      return row?.rows ?? 0;
    };
    const before = await rowsRead();
    expect(await listConcernedJourneys(tx, event)).toEqual([]);
    expect((await rowsRead()) - before).toBeLessThan(5);
  });
});
