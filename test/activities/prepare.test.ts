import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ingestEvents } from '../../db/events.ts';
import { deliveries } from '../../db/schema/deliveries.ts';
import { people } from '../../db/schema/people.ts';
import { runIn, startActivities, type TestActivities } from '../support/activities.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
});

afterAll(() => test.stop());

const EMOJI = { person: 'emil', attributes: { name: '\u{1F600} Emil' } };

const webhook = (fields: object = {}) => ({ type: 'webhook', id: 'tell', url: test.receiver.url('/hook'), ...fields });

it('a branch that asks for a segment is decided once the relay has matched what was stored', async () => {
  const cases = [{ when: { segment: 'members' }, steps: [] }];
  const journey = await test.enter('unmatched', { steps: [{ type: 'branch', id: 'fork', cases }] }, { person: 'una' });
  await test.db.execute(sql`
    with una as (update people set last_number = last_number + 1 where id = 'una' returning key, last_number),
      line as (insert into waiting (person_key, lane, due_at) select key, 0, now() from una on conflict do nothing)
    insert into inbox (person_key, number, type, subject) select key, last_number, 'change', '' from una`);
  const decide = () => test.prepare(journey, 'fork', 'branch');
  await expect(decide()).rejects.toMatchObject({
    message: expect.stringContaining('still to match'),
    nextRetryDelay: 10_000,
  });
  const looking = decide();
  await test.db.execute(sql`delete from inbox using people where key = person_key and id = 'una'`);
  expect(await looking).toEqual({ type: 'branch', taken: null });
});

it.each([
  ['an exit event', { exit: { events: ['left'] } }],
  ['a goal that ends it', { goal: { event: 'left', within: '1d', exit: true } }],
])('a webhook is rendered once the relay has matched %s that came before', async (what, ending) => {
  const id = what.replaceAll(' ', '-');
  const journey = await test.enter(id, { ...ending, steps: [webhook()] }, { person: id });
  const did = (name: string) => ingestEvents(test.db, [{ person: id, name, data: {}, backfill: false }]);
  await did('left');
  const render = () => test.prepare(journey, 'tell', 'webhook');
  await expect(render()).rejects.toMatchObject({ message: expect.stringContaining('still to match') });
  await did('came');
  await test.db.execute(sql`delete from inbox using people where key = person_key and id = ${id} and number = 1`);
  expect(await render()).toMatchObject({ type: 'webhook', send: true });
});

describe('a step that is prepared again', () => {
  it('has one delivery, one line in the log and one answer, one after the other', async () => {
    const journey = await test.enter('again', { steps: [webhook({ body: { json: { a: '{{ customer.a }}' } } })] });
    const first = await test.prepare(journey, 'tell', 'webhook');
    expect(first).toEqual({
      type: 'webhook',
      delivery: expect.stringMatching(/^dlv_/),
      label: `POST ${test.receiver.origin}`,
      send: true,
    });
    expect(await test.prepare(journey, 'tell', 'webhook')).toEqual(first);
    const after = await test.journey(journey);
    expect(after).toMatchObject({ state: 'sending', stepId: 'tell', stepType: 'webhook' });
    expect(after.log).toHaveLength(1);
    expect(after.deliveries).toHaveLength(1);
  });

  it('has one delivery, one line and one answer with many at once, on several workers', async () => {
    const journey = await test.enter('at-once', { steps: [webhook()] });
    const workers = [test.another(), test.another()];
    const answers = await Promise.all(
      [...workers, ...workers, ...workers].map(({ prepare }) =>
        runIn(prepare, { journey, step: 'tell', type: 'webhook' }),
      ),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const after = await test.journey(journey);
    expect(after.log).toHaveLength(1);
    expect(after.deliveries).toHaveLength(1);
  });

  it('renders with what the person was the first time', async () => {
    const steps = [webhook({ body: { json: { plan: '{{ customer.plan }}' } } })];
    const journey = await test.enter('frozen', { steps }, { attributes: { plan: 'gold' } });
    const delivery = await test.freeze(journey, 'tell');
    await test.enter('frozen', { steps }, { attributes: { plan: 'silver' } });
    expect(await test.freeze(journey, 'tell')).toBe(delivery);
    expect((await test.delivery(delivery)).request?.body).toBe('{"plan":"gold"}');
  });

  it('sleeps until the same moment, and the journey says until when', async () => {
    const journey = await test.enter('rest', { steps: [{ type: 'delay', id: 'rest', for: '1h' }] });
    const until = new Date(test.clock.now.getTime() + 3_600_000);
    expect(await test.prepare(journey, 'rest', 'delay')).toEqual({ type: 'delay', until: until.toISOString() });
    test.passMs(60_000);
    expect(await test.prepare(journey, 'rest', 'delay')).toEqual({ type: 'delay', until: until.toISOString() });
    expect(await test.journey(journey)).toMatchObject({ state: 'delayed', stepId: 'rest', stepUntil: until });
  });

  it('keeps to the branch that it took, though another would hold by now', async () => {
    const fork = {
      type: 'branch',
      id: 'fork',
      cases: [
        { when: { 'customer.n': 1 }, steps: [] },
        { when: { 'customer.n': 2 }, steps: [] },
      ],
    };
    const journey = await test.enter('fork', { steps: [fork] }, { person: 'ben', attributes: { n: 2 } });
    expect(await test.prepare(journey, 'fork', 'branch')).toEqual({ type: 'branch', taken: 1 });
    await test.enter('fork', { steps: [fork] }, { person: 'ben', attributes: { n: 1 } });
    expect(await test.prepare(journey, 'fork', 'branch')).toEqual({ type: 'branch', taken: 1 });
    expect((await test.journey(journey)).log).toMatchObject([
      {
        what: 'branched',
        details: {
          taken: 1,
          evaluated: [
            { holds: false, values: { 'customer.n': 2 } },
            { holds: true, values: { 'customer.n': 2 } },
          ],
        },
      },
    ]);
  });

  it('adds once, though it is prepared twice at once', async () => {
    const steps = [{ type: 'update', id: 'count', attributes: { n: '{{ customer.n | default: 0 | plus: 1 }}' } }];
    const journey = await test.enter('count', { steps }, { person: 'cleo' });
    await Promise.all([test.prepare(journey, 'count', 'update'), test.prepare(journey, 'count', 'update')]);
    expect(await test.attributes('cleo')).toEqual({ n: 1 });
  });
});

describe('what a step decides', () => {
  it('a branch that nothing holds for takes none', async () => {
    const fork = { type: 'branch', id: 'fork', cases: [{ when: { 'customer.x': 1 }, steps: [] }] };
    const journey = await test.enter('none', { steps: [fork] });
    expect(await test.prepare(journey, 'fork', 'branch')).toEqual({ type: 'branch', taken: null });
  });

  it('an exit ends with its reason', async () => {
    const journey = await test.enter('out', { steps: [{ type: 'exit', id: 'out', reason: 'done here' }] });
    expect(await test.prepare(journey, 'out', 'exit')).toEqual({ type: 'ended', reason: 'done here' });
  });

  it('an update that makes the attributes too large changes nothing, says so and goes on', async () => {
    const steps = [
      { type: 'update', id: 'grow', attributes: { big: '{{ customer.half }}{{ customer.half }}', a: '1' } },
    ];
    const journey = await test.enter('grow', { steps }, { person: 'dora', attributes: { half: 'x'.repeat(30_000) } });
    expect(await test.prepare(journey, 'grow', 'update')).toEqual({ type: 'update' });
    expect(await test.attributes('dora')).toEqual({ half: 'x'.repeat(30_000) });
    expect((await test.journey(journey)).log).toMatchObject([
      { what: 'updated', details: { error: { code: 'people.too_large' } } },
    ]);
  });

  it('a webhook that is never sent is kept as skipped', async () => {
    const journey = await test.enter('never', { steps: [webhook({ send: 'never' })] });
    expect(await test.prepare(journey, 'tell', 'webhook')).toMatchObject({ type: 'webhook', send: false });
    const [delivery = ''] = (await test.journey(journey)).deliveries;
    expect(await test.delivery(delivery)).toMatchObject({ state: 'skipped', attempts: [] });
  });

  it.each([
    ['half a character in JSON', { body: '"{{ customer.name | split: "" | first }}"' }, '"\uFFFD"'],
    ['NUL in a text', { body: '{{ "a%00b" | url_decode }}', headers: { 'Content-Type': 'text/plain' } }, 'a\uFFFDb'],
  ])('a webhook whose body has %s is shown without what Postgres cannot hold', async (what, fields, shown) => {
    const journey = await test.enter(what.replaceAll(' ', '-').toLowerCase(), { steps: [webhook(fields)] }, EMOJI);
    expect((await test.delivery(await test.freeze(journey, 'tell'))).request?.body).toBe(shown);
  });

  it('a variable whose computed name Postgres cannot hold is listed as missing', async () => {
    const body = '"{% assign half = customer.name | split: "" | first %}{{ event[half] }}"';
    const journey = await test.enter('computed', { steps: [webhook({ body })] }, EMOJI);
    expect((await test.delivery(await test.freeze(journey, 'tell'))).missing).toEqual(['event.\uFFFD']);
  });

  it.each([
    ['goes on', 'continue', { type: 'webhook', send: false }],
    ['ends the journey where it says so', 'exit', { type: 'ended', reason: 'webhook tell failed' }],
  ])('a webhook that cannot be rendered is a failed delivery and %s', async (_, onFailure, expected) => {
    const step = webhook({ url: test.receiver.url('/{{ customer.nobody }}'), onFailure });
    const journey = await test.enter(`broken-${onFailure}`, { steps: [step] });
    expect(await test.prepare(journey, 'tell', 'webhook')).toMatchObject(expected);
    expect(await test.prepare(journey, 'tell', 'webhook')).toMatchObject(expected);
    const [delivery = ''] = (await test.journey(journey)).deliveries;
    expect(await test.delivery(delivery)).toMatchObject({
      state: 'failed',
      error: { code: 'render.missing_variable' },
      attempts: [],
    });
  });

  it('a journey whose person was erased is told to end, and its end is no error', async () => {
    const steps = [{ type: 'delay', id: 'rest', for: '1h' }];
    const journey = await test.enter('erased', { steps }, { person: 'gone' });
    await test.db.delete(people).where(sql`id = 'gone'`);
    expect(await test.prepare(journey, 'rest', 'delay')).toEqual({ type: 'ended', reason: 'the person was erased' });
    await test.endJourney({ journey, state: 'exited', reason: 'the person was erased' });
    expect(
      await test.db
        .select()
        .from(deliveries)
        .where(sql`journey_id = ${journey}`),
    ).toEqual([]);
  });
});

describe('the end of a journey', () => {
  it('is written once: a repeat leaves the first one', async () => {
    const journey = await test.enter('end', { steps: [{ type: 'exit', id: 'out' }] });
    await test.endJourney({ journey, state: 'exited', reason: 'first' });
    const ended = await test.journey(journey);
    await test.endJourney({ journey, state: 'completed', reason: null });
    expect(await test.journey(journey)).toEqual(ended);
    expect(ended).toMatchObject({ state: 'exited', reason: 'first', endedAt: expect.any(Date) });
    expect(ended.log).toMatchObject([{ step: '', what: 'exited', details: { reason: 'first' } }]);
  });
});
