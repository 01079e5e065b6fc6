import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCipher } from '../../db/cipher.ts';
import type { Db } from '../../db/open.ts';
import { checkMasterKey, putSecret, readSecrets } from '../../db/secrets.ts';
import { startResealing, type ResealingOptions } from '../../relay/resealing.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction } from '../support/locks.ts';

const OLD_KEY = Buffer.alloc(32, 1);
const NEW_KEY = Buffer.alloc(32, 2);
const old = createCipher(OLD_KEY);
const rotated = createCipher(NEW_KEY, [OLD_KEY]);
const fresh = createCipher(NEW_KEY);
const AN_HOUR = 3_600_000;

let database: TestDatabase;
let resealing: { stop(): Promise<void> } | undefined;

beforeEach(async () => {
  database = await createTestDatabase();
  await checkMasterKey(database.db, old);
  await putSecret(database.db, old, 'crm_key', 'the password');
});
afterEach(async () => {
  await resealing?.stop();
  await database.close();
});

function start(pauses: ResealingOptions['pauses'], on: Db = database.db) {
  const lines: { level: number; msg: string }[] = [];
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line)) });
  resealing = startResealing({ db: on, cipher: rotated, log, pauses });
  const said = (text: string) => lines.filter(({ msg }) => msg.includes(text)).length;
  return { lines, said, done: (times = 1) => eventually(async () => said('may be removed') >= times) };
}

describe('sealing anew in the background', () => {
  it('says once it is done that the earlier keys may be removed, and what it did', async () => {
    const { lines, done } = start({ leftMs: AN_HOUR, doneMs: AN_HOUR });
    await done();
    await checkMasterKey(database.db, fresh);
    expect(await readSecrets(database.db, fresh)).toEqual({ crm_key: 'the password' });
    expect(lines).toMatchObject([
      { level: 30, values: 2, msg: expect.stringContaining('sealed anew') },
      { level: 30, msg: expect.stringContaining('HOOKLINE_PREVIOUS_MASTER_KEYS may be removed') },
    ]);
  });

  it('takes what a process with an earlier key writes later', async () => {
    const { done, said } = start({ leftMs: AN_HOUR, doneMs: 20 });
    await done();
    await putSecret(database.db, old, 'crm_key', 'another password');
    await eventually(async () => said('sealed anew') === 2);
    expect(await readSecrets(database.db, fresh)).toEqual({ crm_key: 'another password' });
  });

  it('does not say so while somebody holds a row, and comes back to it', async () => {
    const release = await holdTransaction(database.db, (tx) => putSecret(tx, old, 'crm_key', 'rolled back'));
    const { done, said } = start({ leftMs: 20, doneMs: AN_HOUR });
    await eventually(async () => said('sealed anew') === 1);
    expect(said('may be removed')).toBe(0);
    await release();
    await done();
    expect(await readSecrets(database.db, fresh)).toEqual({ crm_key: 'the password' });
  });

  it('tells of a database that is away, and tries again', async () => {
    let away = 2;
    const sometimes: Db = Object.create(database.db, {
      execute: {
        value: (query: Parameters<Db['execute']>[0]) => {
          away -= 1;
          return away >= 0 ? Promise.reject(new Error('no connection')) : database.db.execute(query);
        },
      },
    });
    const { lines, done } = start({ leftMs: 20, doneMs: AN_HOUR }, sometimes);
    await done();
    expect(lines.map(({ level }) => level)).toEqual([40, 40, 30, 30]);
  });

  it('tells of what no key opens, and does not say that keys may be removed', async () => {
    await putSecret(database.db, createCipher(Buffer.alloc(32, 3)), 'of_a_lost_key', 'the password');
    const { lines, said } = start({ leftMs: AN_HOUR, doneMs: 20 });
    await eventually(async () => said('none of the master keys') >= 2);
    expect(lines.find(({ level }) => level === 50)).toMatchObject({
      err: { message: expect.stringContaining('secrets/of_a_lost_key') },
    });
    expect(said('may be removed')).toBe(0);
    await checkMasterKey(database.db, fresh);
  });

  it('stops at once while it waits, and after a batch while it works', async () => {
    const { done } = start({ leftMs: AN_HOUR, doneMs: AN_HOUR });
    await done();
    await resealing?.stop();

    await putSecret(database.db, old, 'crm_key', 'another password');
    let reads = 0;
    const counted: Db = Object.create(database.db, {
      select: { value: (fields: Parameters<Db['select']>[0]) => ((reads += 1), database.db.select(fields)) },
    });
    const { lines } = start({ leftMs: AN_HOUR, doneMs: AN_HOUR }, counted);
    await resealing?.stop();
    expect(reads).toBe(1);
    expect(lines).toEqual([]);
    expect(await readSecrets(database.db, fresh)).toEqual({ crm_key: 'another password' });
  });
});
