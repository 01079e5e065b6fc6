import { eq, sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCipher } from '../../db/cipher.ts';
import type { Db } from '../../db/open.ts';
import { putPerson } from '../../db/people.ts';
import { reseal } from '../../db/reseal.ts';
import { deliveries, secrets, signingKeys } from '../../db/schema/deliveries.ts';
import { sealed } from '../../db/sealed.ts';
import { checkMasterKey, deleteSecret, putSecret, readSecrets } from '../../db/secrets.ts';
import { listSigningKeys, rotateSigningKey } from '../../db/signing-keys.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { holdTransaction } from '../support/locks.ts';

const OLD_KEY = Buffer.alloc(32, 1);
const NEW_KEY = Buffer.alloc(32, 2);
const old = createCipher(OLD_KEY, [NEW_KEY]);
const rotated = createCipher(NEW_KEY, [OLD_KEY]);
const fresh = createCipher(NEW_KEY);

let database: TestDatabase;
let db: Db;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ db } = database);
  await checkMasterKey(db, old);
});
afterEach(() => database.close());

/** One whole pass, as a sum. */
async function pass(on: Db = db) {
  const total = { done: 0, left: 0 };
  for await (const { done, left } of reseal(on, rotated)) {
    total.done += done;
    total.left += left;
  }
  return total;
}

async function putSecrets(count: number, cipher = old, prefix = 'secret') {
  for (let at = 0; at < count; at += 1) await putSecret(db, cipher, `${prefix}_${at}`, `value ${at}`);
}

/** Deliveries with a frozen request and, every other one, a kept answer. */
async function putDeliveries(count: number, cipher = old, prefix = 'dlv') {
  const { key: personKey } = await putPerson(db, 'mary', {});
  for (let at = 0; at < count; at += 1) {
    const id = `${prefix}_${String(at).padStart(4, '0')}`;
    const frozen = cipher.seal(`request ${id} 👩‍🚀`, sealed.frozenRequest.rowOf(id));
    const answer = at % 2 === 0 ? cipher.seal(`answer ${id}`, sealed.answer.rowOf(id)) : null;
    const mapping = { state: 'none', attributes: {}, error: null } as const;
    await db
      .insert(deliveries)
      .values({ id, personKey, state: 'queued', missing: [], mapping, frozen, answer, timeoutMs: 4_000 });
  }
}

const everything = async () => ({
  secrets: await db.select().from(secrets).orderBy(secrets.name),
  signingKeys: await db.select().from(signingKeys).orderBy(signingKeys.id),
  deliveries: await db.select().from(deliveries).orderBy(deliveries.id),
});

async function openedDeliveries() {
  const rows = await db.select().from(deliveries).orderBy(deliveries.id);
  return rows.map(({ id, frozen, answer }) => [
    frozen && fresh.open(frozen, sealed.frozenRequest.rowOf(id)),
    answer && fresh.open(answer, sealed.answer.rowOf(id)),
  ]);
}

describe('what an earlier master key sealed', () => {
  it('opens with the new key alone after one pass, and a second one finds nothing', async () => {
    await putSecrets(230);
    await putSecrets(3, rotated, 'new');
    const imported = await rotateSigningKey(db, old, { secret: 'a text of somebody else', overlapMs: 0 });
    const rotatedKey = await rotateSigningKey(db, rotated, { overlapMs: 60_000 });
    await putDeliveries(210);
    await putDeliveries(2, rotated, 'new');
    await db.update(deliveries).set({ frozen: null }).where(eq(deliveries.id, 'dlv_0000'));
    const before = await everything();

    expect(await pass()).toEqual({ done: 1 + 230 + 1 + 209 + 105, left: 0 });
    await checkMasterKey(db, fresh);
    expect(await readSecrets(db, fresh)).toEqual(await readSecrets(db, rotated));
    expect(await readSecrets(db, fresh)).toMatchObject({
      secret_0: 'value 0',
      secret_229: 'value 229',
      new_2: 'value 2',
    });
    const { data } = await listSigningKeys(db, fresh, { limit: 10, order: 'asc' });
    expect(data.map(({ secret }) => secret)).toEqual([imported.secret, rotatedKey.secret]);
    const opened = await openedDeliveries();
    expect(opened).toHaveLength(212);
    expect(opened.slice(0, 3)).toEqual([
      [null, 'answer dlv_0000'],
      ['request dlv_0001 👩‍🚀', null],
      ['request dlv_0002 👩‍🚀', 'answer dlv_0002'],
    ]);

    const after = await everything();
    const untouched = ({ updatedAt, name }: { updatedAt: Date; name: string }) => ({ updatedAt, name });
    expect(after.secrets.map(untouched)).toEqual(before.secrets.map(untouched));
    expect(after.secrets.slice(1, 4)).toEqual(before.secrets.slice(1, 4));
    expect(after.deliveries.slice(-2)).toEqual(before.deliveries.slice(-2));
    expect(await pass()).toEqual({ done: 0, left: 0 });
    expect(await everything()).toEqual(after);
  });

  it('may be sealed in part: whoever begins again does the rest, and nothing twice', async () => {
    await putSecrets(150);
    await putDeliveries(150);
    let done = 0;
    for await (const batch of reseal(db, rotated)) {
      done += batch.done;
      if (done > 200) break;
    }
    expect(done).toBeLessThan(300);
    expect(await readSecrets(db, fresh)).toMatchObject({ secret_149: 'value 149' });
    await expect(openedDeliveries()).rejects.toThrow('HOOKLINE_PREVIOUS_MASTER_KEYS');
    expect(await pass()).toEqual({ done: 151 + 150 + 75 - done, left: 0 });
    expect(await openedDeliveries()).toHaveLength(150);
  });

  it('is sealed once by several at once', async () => {
    await putSecrets(120);
    await putDeliveries(120);
    const passes = await Promise.all([pass(), pass(), pass()]);
    expect(passes.reduce((sum, { done }) => sum + done, 0)).toBe(121 + 120 + 60);
    expect(await pass()).toEqual({ done: 0, left: 0 });
    expect(await openedDeliveries()).toHaveLength(120);
  });

  it('is left to who writes or deletes it between our reading and our writing', async () => {
    await putSecrets(4);
    const meanwhile: Db = Object.create(db, {
      execute: {
        value: async (query: Parameters<Db['execute']>[0]) => {
          await putSecret(db, old, 'secret_0', 'changed with the old key');
          await putSecret(db, rotated, 'secret_1', 'changed with the new key');
          await deleteSecret(db, 'secret_2');
          return db.execute(query);
        },
      },
    });
    expect(await pass(meanwhile)).toEqual({ done: 2, left: 3 });
    const expected = {
      secret_0: 'changed with the old key',
      secret_1: 'changed with the new key',
      secret_3: 'value 3',
    };
    expect(await readSecrets(db, rotated)).toEqual(expected);
    expect(await pass()).toEqual({ done: 1, left: 0 });
    expect(await readSecrets(db, fresh)).toEqual(expected);
  });

  it('never loses a value that is written while it runs', async () => {
    await putSecrets(20);
    const written = new Map<string, string>();
    const write = async (worker: number) => {
      for (let turn = 0; turn < 60; turn += 1) {
        const name = `secret_${worker * 10 + (turn % 10)}`;
        await putSecret(db, turn % 3 === 0 ? rotated : old, name, `turn ${turn}`);
        written.set(name, `turn ${turn}`);
      }
    };
    let writing = true;
    const passing = (async () => {
      while (writing) await pass();
    })();
    await Promise.all([write(0), write(1)]);
    writing = false;
    await passing;
    await pass();
    expect(await readSecrets(db, fresh)).toEqual(Object.fromEntries(written));
  });

  it('is left for the next pass where somebody holds its row: a pass never waits', async () => {
    await putDeliveries(3);
    const release = await holdTransaction(db, (tx) =>
      tx.select().from(deliveries).where(eq(deliveries.id, 'dlv_0001')).for('no key update'),
    );
    expect(await pass()).toEqual({ done: 1 + 2 + 2, left: 1 });
    await release();
    expect(await pass()).toEqual({ done: 1, left: 0 });
  });

  it('stays as it is where no key opens it, without stopping the rest', async () => {
    await putSecrets(3);
    await putSecret(db, createCipher(Buffer.alloc(32, 3)), 'of_a_lost_key', 'the password');
    const before = await db.select().from(secrets).where(eq(secrets.name, 'of_a_lost_key'));
    const batches = [];
    for await (const batch of reseal(db, rotated)) batches.push(batch);
    expect(batches[0]).toEqual({ done: 4, left: 1, unopened: expect.objectContaining({ code: 'secrets.wrong_key' }) });
    expect(await db.select().from(secrets).where(eq(secrets.name, 'of_a_lost_key'))).toEqual(before);
  });
});

describe('the list of sealed columns', () => {
  it('has each column of bytes in the schema, but for digests, and the bodies of answers, which are redacted instead', async () => {
    const columns = await db.execute<{ table: string; column: string }>(sql`
      select table_name as table, column_name as column from information_schema.columns
      where table_schema = 'public' and data_type = 'bytea' order by 1, 2`);
    expect(columns.map(({ table, column }) => `${table}.${column}`)).toEqual([
      'api_keys.digest',
      'attempts.response_body',
      'deliveries.answer',
      'deliveries.frozen',
      'idempotency.answer',
      'secrets.value',
      'signing_keys.secret',
      'test_sends.job',
      'test_sends.outcome',
    ]);
    expect(Object.values(sealed)).toHaveLength(7);
  });
});
