import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitPage, listExitingCampaigns } from '../../db/campaign-exit.ts';
import { entryHistories } from '../../db/entries.ts';
import type { Db } from '../../db/open.ts';
import { people } from '../../db/schema/people.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Journey = { id: string; state: string; reason: string | null };
type Campaign = { state: string; inside: Record<string, number> };

/** Publishes a campaign on the event of its name, and lets these people in. */
async function enter(campaign: string, people: string[], steps: object[]): Promise<void> {
  await hookline.publish(campaign, { trigger: { type: 'event', event: campaign }, steps });
  await send(campaign, people);
  await eventually(async () => (await inside(campaign)) === people.length, 60_000);
}

const send = (campaign: string, people: string[]) =>
  hookline.api(
    'POST',
    '/v1/events',
    people.map((person) => ({ person, name: campaign })),
  );

async function inside(campaign: string): Promise<number> {
  const { body } = await hookline.api<Campaign>('GET', `/v1/campaigns/${campaign}`);
  return Object.values(body.inside).reduce((sum, each) => sum + each, 0);
}

const move = (campaign: string, to: string, body?: object) =>
  hookline.api<Campaign>('POST', `/v1/campaigns/${campaign}/${to}`, body);

async function journeyOf(person: string): Promise<Journey | undefined> {
  const { body } = await hookline.api<{ data: Journey[] }>('GET', `/v1/journeys?person=${person}&order=desc&limit=1`);
  return body.data[0];
}

const reaches = (person: string, state: string) =>
  eventually(async () => (await journeyOf(person))?.state === state, 30_000);

const webhook = (fields: object = {}) => ({ type: 'webhook', id: 'tell', url: receiver.url('/tell'), ...fields });
const namesOf = (prefix: string, count: number) => Array.from({ length: count }, (_, each) => `${prefix}-${each}`);

describe('a campaign that is stopped', () => {
  it('lets those who are inside go on to the end, and nobody else in', async () => {
    await enter('finish', ['ann'], [{ type: 'delay', for: '4s' }, webhook()]);
    expect(await move('finish', 'stop')).toMatchObject({ body: { state: 'stopped', inside: { 1: 1 } } });
    await hookline.api('POST', '/v1/events', { id: 'late', person: 'bob', name: 'finish' });
    expect(await hookline.ended('ann')).toMatchObject({ state: 'completed' });
    await eventually(async () => {
      const { body } = await hookline.api<{ outcomes: object[] }>('GET', '/v1/events/late');
      return body.outcomes.length > 0;
    });
    expect((await hookline.api('GET', '/v1/events/late')).body).toMatchObject({ outcomes: [{ outcome: 'notLive' }] });
  });

  it('lets those go on whom a pause had held back', async () => {
    await enter('held', ['cat'], [{ type: 'delay', for: '4s' }, webhook()]);
    await move('held', 'pause');
    await reaches('cat', 'paused');
    await move('held', 'stop', { people: 'finish' });
    expect(await hookline.ended('cat')).toMatchObject({ state: 'completed' });
  });

  it('ends the journeys of all who are inside, more than one page of them, and tells their workflows', async () => {
    const people = namesOf('leaver', 210);
    await enter('leave', people, [{ type: 'delay', for: '1h' }, webhook()]);
    await reaches('leaver-0', 'delayed');
    const { body } = await move('leave', 'stop', { people: 'exit' });
    // The first page at once, the others by the relay, which may be done with them by now.
    expect(body.inside['1'] ?? 0).toBeLessThan(210);
    await eventually(async () => (await inside('leave')) === 0, 30_000);
    expect(await journeyOf('leaver-209')).toMatchObject({ state: 'exited', reason: 'the campaign was stopped' });
    await eventually(async () => (await listExitingCampaigns(hookline.database.db)).length === 0);
    const first = await journeyOf('leaver-0');
    await hookline.client.workflow.getHandle(`journey/${first?.id}/1`).result();
  }, 120_000);

  it('ends who was to finish, when it is stopped once more', async () => {
    await enter('after-all', ['dan'], [{ type: 'delay', for: '1h' }]);
    await move('after-all', 'stop', { people: 'finish' });
    expect(await inside('after-all')).toBe(1);
    expect(await move('after-all', 'stop', { people: 'exit' })).toMatchObject({ body: { inside: {} } });
    expect(await journeyOf('dan')).toMatchObject({ state: 'exited' });
  });

  it('ends only who entered before, where it is started again meanwhile', async () => {
    await enter('again', ['eve'], [{ type: 'delay', for: '1h' }]);
    await hookline.database.db.execute(sql`
      update campaigns set state = 'stopped', exit_before = clock_timestamp() where id = 'again'`);
    await move('again', 'start');
    await send('again', ['fay']);
    await reaches('eve', 'exited');
    await reaches('fay', 'delayed');
    await eventually(async () => (await listExitingCampaigns(hookline.database.db)).length === 0);
    expect(await journeyOf('fay')).toMatchObject({ state: 'delayed' });
  });

  it('has nobody inside who has only still to be ended', async () => {
    await enter('leaving', ['ivy'], [{ type: 'delay', for: '1h' }]);
    await reaches('ivy', 'delayed');
    const activeOfIvy = async (db: Db) => {
      const [row] = await db.select({ key: people.key }).from(people).where(eq(people.id, 'ivy'));
      const key = row?.key ?? '';
      return (await entryHistories(db, 'leaving', [key])).get(key)?.active;
    };
    expect(await activeOfIvy(hookline.database.db)).toBe(1);
    await hookline.database.db.transaction(async (tx) => {
      await tx.execute(
        sql`update campaigns set state = 'stopped', exit_before = clock_timestamp() where id = 'leaving'`,
      );
      expect(await activeOfIvy(tx)).toBe(0);
    });
    await reaches('ivy', 'exited');
  });

  it('discards drafts of journeys that ended before, and cancels what was approved of them', async () => {
    await enter('drafts', [], [webhook({ send: 'draft' })]);
    await send('drafts', ['gil', 'hal']);
    const drafts = await eventually(async () => {
      const { body } = await hookline.api<{ data: { id: string; person: string }[] }>(
        'GET',
        '/v1/deliveries?campaign=drafts&state=drafted',
      );
      return body.data.length === 2 && body.data;
    });
    await Promise.all([hookline.ended('gil'), hookline.ended('hal')]);
    await move('drafts', 'pause');
    const [first, second] = drafts;
    await hookline.api('POST', `/v1/deliveries/${first?.id}/approve`);
    const { body } = await move('drafts', 'stop', { people: 'exit' });
    expect(body.state).toBe('stopped');
    expect((await hookline.api('GET', `/v1/deliveries/${first?.id}`)).body).toMatchObject({
      state: 'cancelled',
      waitsFor: null,
    });
    expect((await hookline.api('GET', `/v1/deliveries/${second?.id}`)).body).toMatchObject({
      state: 'discarded',
      decision: { by: null, reason: 'its journey ended: the campaign was stopped' },
    });
    await eventually(async () => (await listExitingCampaigns(hookline.database.db)).length === 0);
    expect(receiver.requests.filter(({ headers }) => headers['idempotency-key'] === first?.id)).toEqual([]);
  });
});

it('pages that several relays take at once end everybody once', async () => {
  const { db } = hookline.database;
  const people = namesOf('crowd', 150);
  await enter('crowd', people, [{ type: 'delay', for: '1h' }]);
  const [row] = await db.execute<{ ms: number }>(sql`select extract(epoch from now())::float8 * 1000 as ms`);
  const campaign = { id: 'crowd', exitBefore: new Date(row?.ms ?? 0) };
  await Promise.all(Array.from({ length: 4 }, () => exitPage(db, campaign, new Date())));
  const lines = await db.execute(sql`
    select what from journey_log join journeys on journeys.id = journey_id where campaign_id = 'crowd' and what = 'exited'`);
  expect(lines).toHaveLength(150);
  expect(await inside('crowd')).toBe(0);
}, 90_000);
