import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCipher } from '../../db/cipher.ts';
import { doOnce } from '../../db/idempotency.ts';
import { sealed } from '../../db/sealed.ts';
import { startActivities, type TestActivities } from '../support/activities.ts';
import { respond } from '../support/behaviours.ts';

let test: TestActivities;

beforeAll(async () => {
  test = await startActivities();
  test.receiver.on('/ask', respond({ json: { id: 'lead-7' } }));
});

afterAll(() => test.stop());

/** Gives each of the two rows what the other one has: as somebody would who may write to Postgres. */
async function exchange(table: string, id: string, column: string): Promise<void> {
  const rows = await test.db.execute(
    sql.raw(`
    update ${table} set ${column} = other.${column} from ${table} as other
    where other.${id} <> ${table}.${id} and other.${column} is not null and ${table}.${column} is not null returning 1`),
  );
  expect(rows).toHaveLength(2);
}

/** Two journeys whose first step asks, and whose second says what was answered; the requests of one step are frozen. */
async function ask(campaign: string) {
  const url = test.receiver.url('/ask');
  const then = { type: 'webhook', id: 'then', url, body: { json: { lead: '{{ responses.ask.id }}' } } };
  const steps = [{ type: 'webhook', id: 'ask', url }, then];
  const journeys = [
    await test.enter(campaign, { steps }, { person: 'ada' }),
    await test.enter(campaign, { steps }, { person: 'bob' }),
  ];
  return Promise.all(journeys.map(async (journey) => ({ journey, delivery: await test.freeze(journey, 'ask') })));
}

describe('what is stored in one row does not open in another:', () => {
  it('a request that was frozen, which is not sent', async () => {
    const asked = await ask('swapped');
    await exchange('deliveries', 'id', 'frozen');
    for (const { delivery } of asked)
      await expect(test.send(delivery)).rejects.toThrow(`The stored value of deliveries/${delivery}/frozen`);
    expect(test.receiver.requests).toEqual([]);
    await test.db.execute(sql`delete from people`);
  });

  it('an answer that later steps name', async () => {
    const asked = await ask('answered');
    for (const { delivery } of asked) await test.send(delivery);
    await exchange('deliveries', 'id', 'answer');
    for (const { journey, delivery } of asked)
      await expect(test.freeze(journey, 'then')).rejects.toThrow(`The stored value of deliveries/${delivery}/answer`);
  });

  it('a secret', async () => {
    for (const name of ['one', 'two']) await test.putSecret(name, `value of ${name}`);
    await exchange('secrets', 'name', 'value');
    const step = { type: 'webhook', id: 'tell', url: test.receiver.url('/{{ secrets.one }}') };
    const journey = await test.enter('secretive', { steps: [step] });
    await expect(test.freeze(journey, 'tell')).rejects.toThrow('The stored value of secrets/');
  });

  it('a signing key', async () => {
    await test.db.execute(sql`delete from signing_keys`);
    for (const _ of [1, 2]) await test.rotate({ overlapMs: 60_000 });
    await exchange('signing_keys', 'id', 'secret');
    await expect(test.signingKeys()).rejects.toThrow('The stored value of signing_keys/');
  });

  it('an answer to a request that is repeated', async () => {
    const cipher = createCipher(Buffer.alloc(32, 1));
    const answer = (id: string) => doOnce(test.db, cipher, { id, requestHash: 'x' }, async () => id, String);
    const ids = ['ab'.repeat(32), 'cd'.repeat(32)];
    for (const id of ids) expect(await answer(id)).toEqual({ type: 'done', answer: id });
    await exchange('idempotency', 'id', 'answer');
    for (const id of ids) await expect(answer(id)).rejects.toThrow(`The stored value of idempotency/${id}/answer`);
  });

  it('nor in another column of its own: each names a place that no other has', () => {
    const places = Object.values(sealed).map(({ rowOf }) => rowOf('same'));
    expect(new Set(places).size).toBe(places.length);
  });
});
