import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doOnce, sweepAnswers } from '../../db/idempotency.ts';
import { ADMIN_KEY, startHookline, type Answer, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';
import { tracesOf } from '../support/traces.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  await hookline.publish('offer', { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
  await hookline.api('PUT', '/v1/people/ada', { attributes: {} });
  await hookline.api('PUT', '/v1/webhooks/note', { url: 'http://127.0.0.1:9/', send: 'draft' });
});
afterAll(() => hookline.stop());

const post = (path: string, key: string, body: unknown, apiKey = ADMIN_KEY) =>
  send(hookline.url + path, {
    body: JSON.stringify(body),
    headers: { 'idempotency-key': key, authorization: `Bearer ${apiKey}` },
  });
const isReplay = ({ headers }: Answer<unknown>) => headers.get('idempotent-replayed') === 'true';
const countOf = async (table: string) => {
  const [row] = await hookline.database.db.execute<{ n: number }>(sql.raw(`select count(*)::int as n from ${table}`));
  return row?.n ?? 0;
};
const draft = async () => {
  const sent = await hookline.api<{ delivery: { id: string } }>('POST', '/v1/webhooks/note/send', { person: 'ada' });
  return sent.body.delivery.id;
};

describe('a request with an Idempotency-Key', () => {
  it.each([
    ['/v1/events', { person: 'ada', name: 'x' }, 202, 'events'],
    ['/v1/events', [{ person: 'ada', name: 'x' }, { name: 'no person' }], 202, 'events'],
    ['/v1/campaigns/offer/trigger', { people: ['ada'] }, 202, 'broadcasts'],
    ['/v1/keys', { name: 'twice', scope: 'ingest' }, 201, 'api_keys'],
    ['/v1/signing-keys/rotate', {}, 201, 'signing_keys'],
  ])('POST %s %j does it once, and answers the same again', async (path, body, status, table) => {
    const key = `${path} ${JSON.stringify(body)}`;
    await hookline.api('GET', '/v1/signing-keys');
    const before = await countOf(table);
    const first = await post(path, key, body);
    expect(first).toMatchObject({ status });
    expect(isReplay(first)).toBe(false);
    const again = await post(path, key, body);
    expect({ status: again.status, body: again.body, replay: isReplay(again) }).toEqual({
      status,
      body: first.body,
      replay: true,
    });
    expect(await countOf(table)).toBe(before + 1);
  });

  it.each([
    ['approve', 'approved'],
    ['discard', 'discarded'],
  ])('%ss a draft once, and says so again instead of refusing', async (decision, state) => {
    const id = await draft();
    const answers = [];
    for (const _ of [1, 2]) answers.push(await post(`/v1/deliveries/${id}/${decision}`, `${decision} it`, {}));
    expect(answers.map(({ status, body }) => ({ status, body }))).toEqual([
      { status: 200, body: expect.objectContaining({ id, state }) },
      { status: 200, body: answers[0]?.body },
    ]);
    expectProblem(await post(`/v1/deliveries/${id}/${decision}`, 'another', {}), 409, 'deliveries.not_drafted');
  });

  it('decides many once', async () => {
    const ids = [await draft(), await draft()];
    const decide = () => post('/v1/deliveries/decide', 'these', { decision: 'discard', ids });
    const [first, again] = [await decide(), await decide()];
    expect(first.body).toEqual({ decided: 2, refused: [] });
    expect(again.body).toEqual(first.body);
  });

  it('that comes many times at once is done once; who comes meanwhile is told so', async () => {
    const before = await countOf('events');
    const ask = () => post('/v1/events', 'at once', { person: 'ada', name: 'x' });
    const answers = await Promise.all(Array.from({ length: 30 }, ask));
    const done = answers.filter(({ status }) => status === 202);
    expect(new Set(done.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(done.filter((answer) => !isReplay(answer))).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 202)) {
      expectProblem(answer, 409, 'idempotency.in_progress');
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    expect(await countOf('events')).toBe(before + 1);
    expect((await ask()).body).toEqual(done[0]?.body);
  });

  it('is refused under a key that another request had', async () => {
    expect((await post('/v1/events', 'taken', { person: 'ada', name: 'x' })).status).toBe(202);
    const event = await post('/v1/events', 'taken', { person: 'ada', name: 'y' });
    expect(expectProblem(event, 422, 'idempotency.mismatch').detail).toContain('"taken"');
    expectProblem(await post('/v1/campaigns/offer/trigger', 'taken', { people: ['ada'] }), 422, 'idempotency.mismatch');
    expectProblem(await post('/v1/signing-keys/rotate', 'taken', {}), 422, 'idempotency.mismatch');
  });

  it('knows the keys of its own API key alone', async () => {
    const made = await hookline.api<{ key: string }>('POST', '/v1/keys', { name: 'other', scope: 'ingest' });
    const before = await countOf('events');
    for (const apiKey of [ADMIN_KEY, made.body.key]) {
      const answer = await post('/v1/events', 'shared', { person: 'ada', name: 'x' }, apiKey);
      expect({ status: answer.status, replay: isReplay(answer) }).toEqual({ status: 202, replay: false });
    }
    expect(await countOf('events')).toBe(before + 2);
  });

  it('that was refused did nothing, and may be mended under the same key', async () => {
    expectProblem(await post('/v1/events', 'mended', { name: 'x' }), 422, 'input.invalid');
    expectProblem(await post('/v1/keys', 'mended', { name: 'twice', scope: 'ingest' }), 409, 'keys.name_taken');
    const answer = await post('/v1/events', 'mended', { person: 'ada', name: 'x' });
    expect({ status: answer.status, replay: isReplay(answer) }).toEqual({ status: 202, replay: false });
  });

  it.each([[{}], [{ 'idempotency-key': 'unlucky' }]])(
    'that Postgres gives up each time, as a deadlock, may be sent again: %j',
    async (headers) => {
      const { db } = hookline.database;
      await db.execute(sql`
        create or replace function give_up() returns trigger language plpgsql as
          'begin raise exception ''deadlock detected'' using errcode = ''40P01''; end'`);
      await db.execute(sql`create trigger unlucky before insert on api_keys execute function give_up()`);
      const ask = () =>
        send(`${hookline.url}/v1/keys`, { body: JSON.stringify({ name: 'unlucky', scope: 'ingest' }), headers });
      const answer = await ask();
      expectProblem(answer, 503, 'internal.unavailable');
      expect(answer.headers.get('retry-after')).toBe('1');
      await db.execute(sql`drop trigger unlucky on api_keys`);
      expect((await ask()).status).toBe(201);
      await db.execute(sql`delete from api_keys where name = 'unlucky'`);
    },
  );

  it('needs a key of 1 to 255 characters', async () => {
    const answer = await post('/v1/events', 'x'.repeat(256), { person: 'ada', name: 'x' });
    expect(expectProblem(answer, 422, 'input.invalid').faults).toEqual([
      'Idempotency-Key: write an id of 1 to 255 characters',
    ]);
  });

  it('shows the key that it made to its repeats, for 24 hours, and keeps it sealed meanwhile', async () => {
    const { db } = hookline.database;
    const ask = () => post('/v1/keys', 'sealed', { name: 'sealed', scope: 'admin' });
    const first = await ask();
    const { key } = first.body as { key: string };
    expect(key).toMatch(/^hk_admin_/);
    const age = (hours: number) =>
      db.execute(sql`update idempotency set created_at = now() - make_interval(mins => ${hours * 60})`);
    for (const hours of [0, 23.9]) {
      await age(hours);
      const again = await ask();
      expect({ body: again.body, replay: isReplay(again) }).toEqual({ body: first.body, replay: true });
      expect(await tracesOf(db, [key, key.slice('hk_admin_'.length)])).toEqual([]);
    }
    await age(24.1);
    const late = await ask();
    expectProblem(late, 409, 'keys.name_taken');
    expect(JSON.stringify(late.body)).not.toContain('hk_admin');
    await sweepAnswers(db);
    expect(await countOf('idempotency')).toBe(0);
  });
});

describe('what a request does and what it answered', () => {
  const asked = { id: 'ab'.repeat(32), requestHash: 'x' };
  const make = (name: string) => async (tx: typeof hookline.database.db) => {
    await tx.execute(sql`insert into secrets (name, value) values (${name}, '')`);
    return name;
  };
  const isThere = async (name: string) =>
    (await hookline.database.db.execute(sql`select 1 from secrets where name = ${name}`)).length === 1;

  it('are stored together or not at all', async () => {
    const { database, cipher } = hookline;
    const dies = () => {
      throw new Error('the process was killed here');
    };
    await expect(doOnce(database.db, cipher, asked, make('once'), dies)).rejects.toThrow('killed here');
    expect(await isThere('once')).toBe(false);
    const done = await doOnce(database.db, cipher, asked, make('once'), (answer) => answer);
    expect(done).toEqual({ type: 'done', answer: 'once' });
    expect(await isThere('once')).toBe(true);
    const again = await doOnce(database.db, cipher, asked, make('never'), (answer) => answer);
    expect(again).toEqual({ type: 'repeated', answer: 'once' });
    expect(await isThere('never')).toBe(false);
  });

  it('are remembered for 24 hours, and then deleted', async () => {
    const { database, cipher } = hookline;
    const age = (hours: number) =>
      database.db.execute(sql`
        update idempotency set created_at = now() - ${hours} * interval '1 hour' where id = ${asked.id}`);
    await age(23.9);
    expect(await sweepAnswers(database.db)).toBe(0);
    expect(await doOnce(database.db, cipher, { ...asked, requestHash: 'y' }, make('early'), String)).toEqual({
      type: 'mismatch',
    });
    await age(24.1);
    const late = await doOnce(database.db, cipher, { ...asked, requestHash: 'y' }, make('late'), String);
    expect(late).toEqual({ type: 'done', answer: 'late' });
    expect(await sweepAnswers(database.db)).toBe(0);
    await age(24.1);
    expect(await sweepAnswers(database.db)).toBe(1);
  });
});
