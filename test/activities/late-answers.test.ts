import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lockDestination } from '../../db/destinations.ts';
import { exitJourneys } from '../../db/journey-exit.ts';
import { requestResends } from '../../db/resends.ts';
import { commands } from '../../db/schema/journeys.ts';
import { parked } from '../../db/schema/destinations.ts';
import { resends } from '../../db/schema/resends.ts';
import { releaseParked } from '../../relay/release.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction, untilBlocked } from '../support/locks.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});
afterAll(() => test.stop());
beforeEach(async () => {
  await test.db.delete(parked);
  await test.db.delete(commands);
});

async function delivery(name: string, fields: object = {}): Promise<{ id: string; journey: string }> {
  const step = { type: 'webhook', id: 'tell', url: test.receiver.url(`/${name}`), ...fields };
  const journey = await test.enter(name, { steps: [step] });
  return { id: await test.freeze(journey, 'tell'), journey };
}

const outcome = (id: string) => runIn(test.another().sendWebhook, { delivery: id }).catch((error: unknown) => error);

it('a delivery that is sent waits in no line, however it got there', async () => {
  let answer = () => {};
  test.receiver.on('/late', (socket, request) => (answer = () => respond()(socket, request)));
  const { id } = await delivery('late');
  const first = outcome(id);
  await test.receiver.waitFor(1);
  await test.db.execute(sql`
    insert into parked (delivery_id, destination, workflow_id, reason, since)
    values (${id}, ${test.receiver.origin}, 'journey/jrn_1/1', 'slot', now())`);
  answer();
  expect(await first).toMatchObject({ state: 'sent' });
  expect(await test.db.select().from(parked)).toEqual([]);
});

it('journeys that end while their requests fail end well: nobody waits for the other', async () => {
  test.receiver.on('/ending', respond({ status: 503, delayMs: 20 }));
  const all = await Promise.all(Array.from({ length: 15 }, () => delivery('ending')));
  const ends = all.map(async ({ id, journey }) => {
    const sending = outcome(id);
    const ended = await exitJourneys(test.db, [journey], { reason: 'enough', by: null, now: test.clock.now });
    await sending;
    return ended.length;
  });
  expect(await Promise.all(ends)).toEqual(all.map(() => 1));
  for (const { id } of all) expect((await test.delivery(id)).state).toBe('cancelled');
});

describe('who ends as it is about to stand in line stands in none', () => {
  const RATED = { rateLimit: '1/h' };

  /** Ends what is about to find that its rate is used up, and waits for its destination, which is held. */
  async function endAtDestination(named: { delivery: string; resend?: string }, end: () => Promise<unknown>) {
    const release = await holdTransaction(test.db, (tx) => lockDestination(tx, test.receiver.origin));
    const sending = runIn(test.another().sendWebhook, named);
    await untilBlocked(test.db, 'hookline test');
    const ending = end();
    await untilBlocked(test.db, 'hookline test', 2);
    await release();
    expect(await sending).toMatchObject({ state: 'parked', reason: 'rateLimit' });
    await ending;
    expect(await test.db.select().from(parked)).toEqual([]);
  }

  it('with its journey', async () => {
    await outcome((await delivery('left', RATED)).id);
    const { id, journey } = await delivery('left', RATED);
    await endAtDestination({ delivery: id }, () =>
      exitJourneys(test.db, [journey], { reason: 'enough', by: null, now: test.clock.now }),
    );
    expect((await test.delivery(id)).state).toBe('cancelled');
  });

  it('cancelled in Temporal', async () => {
    await outcome((await delivery('cut-off', RATED)).id);
    const { id } = await delivery('cut-off', RATED);
    await endAtDestination({ delivery: id }, () => runIn(test.another().cancelDelivery, { delivery: id }));
    expect((await test.delivery(id)).state).toBe('cancelled');
  });

  it('sent again and cancelled in Temporal', async () => {
    const { id } = await delivery('cut-off-again', RATED);
    await outcome(id);
    await requestResends(test.db, [id], { by: { key: 'admin', actor: null }, reason: null, retry: false, lane: 0 });
    const [resend] = await test.db.select().from(resends);
    const named = { delivery: id, resend: resend?.id ?? '' };
    await endAtDestination(named, () => runIn(test.another().cancelDelivery, named));
    expect((await test.delivery(id)).resends).toMatchObject([{ error: { code: 'cancelled' } }]);
  });
});

it('who was told to come and does not lets the others pass, and is told once only', async () => {
  const answers: (() => void)[] = [];
  test.receiver.on('/pass', (socket, request) => answers.push(() => respond({ status: 503 })(socket, request)));
  const all = await Promise.all(Array.from({ length: 42 }, () => delivery('pass')));
  const sent = all.slice(0, 20).map(({ id }) => outcome(id));
  await eventually(async () => answers.length === 20);
  await Promise.all(all.slice(20).map(({ id }) => outcome(id)));
  for (const answer of answers) answer();
  await Promise.all(sent);
  const release = () => releaseParked(test.db, { now: test.clock.now, breaker: false });
  const told = async () => {
    const rows = await test.db.select().from(commands).orderBy(commands.id);
    return rows.flatMap(({ command }) => (command.type === 'wake' ? [command.subject] : []));
  };
  expect(await release()).toBe(20);
  const first = await told();
  test.passMs(61_000);
  expect(await release()).toBe(20);
  const second = (await told()).slice(20);
  expect(second).toHaveLength(2);
  expect(second.filter((id) => first.includes(id))).toEqual([]);
  test.passMs(61_000);
  expect(await release()).toBe(20);
  expect(await told()).toHaveLength(22);
});

it('a rate that takes more than a day gives everybody a time, and nobody fails for it', async () => {
  const ids: string[] = [];
  for (let each = 0; each < 30; each += 1) ids.push((await delivery('slowly', { rateLimit: '1/h' })).id);
  for (const id of ids) await outcome(id);
  for (const id of ids.slice(1)) {
    test.passMs(3_600_000);
    expect(await outcome(id)).toMatchObject({ state: 'sent' });
  }
});
