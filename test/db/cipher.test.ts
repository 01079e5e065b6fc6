import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCipher } from '../../db/cipher.ts';
import { checkMasterKey, putSecret, readSecrets } from '../../db/secrets.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const KEY = Buffer.alloc(32, 1);
const OTHER_KEY = Buffer.alloc(32, 2);

describe('the cipher', () => {
  const cipher = createCipher(KEY);

  it.each(['', 'plain', 'naïve ✓ 👩‍🚀', '\u0000 and \u001f'])('opens what it sealed: %j', (plain) => {
    expect(cipher.open(cipher.seal(plain, 'secrets/a'), 'secrets/a')).toBe(plain);
  });

  it('seals the same text differently each time, and does not show it', () => {
    const [one, two] = [cipher.seal('the password', 'secrets/a'), cipher.seal('the password', 'secrets/a')];
    expect(one.equals(two)).toBe(false);
    expect(one.toString('latin1')).not.toContain('password');
  });

  it('does not open a value in another row', () => {
    const sealed = cipher.seal('the password', 'secrets/a');
    expect(() => cipher.open(sealed, 'secrets/b')).toThrow('HOOKLINE_PREVIOUS_MASTER_KEYS');
  });

  it('does not open a value of which one bit has changed, wherever it stands, or which was cut', () => {
    const sealed = cipher.seal('the password', 'secrets/a');
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => cipher.open(changed, 'secrets/a')).toThrow('The stored value of secrets/a');
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => cipher.open(sealed.subarray(0, length), 'secrets/a')).toThrow('The stored value of secrets/a');
    }
  });

  it('opens what an earlier key sealed, while it is among the previous ones, and seals with the new one', () => {
    const sealed = cipher.seal('the password', 'secrets/a');
    const rotated = createCipher(OTHER_KEY, [KEY]);
    expect(rotated.open(sealed, 'secrets/a')).toBe('the password');
    expect(createCipher(OTHER_KEY).open(rotated.seal('new', 'secrets/a'), 'secrets/a')).toBe('new');
    expect(() => createCipher(OTHER_KEY).open(sealed, 'secrets/a')).toThrow(
      expect.objectContaining({ code: 'secrets.wrong_key' }),
    );
  });
});

describe('the master key of a database', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.close());

  it('is the first one, whichever of several processes comes first, and is no secret that templates see', async () => {
    const { db } = database;
    const checks = await Promise.allSettled([
      checkMasterKey(db, createCipher(KEY)),
      checkMasterKey(db, createCipher(KEY)),
      checkMasterKey(db, createCipher(OTHER_KEY)),
      checkMasterKey(db, createCipher(OTHER_KEY)),
    ]);
    expect(checks.map((check) => check.status).toSorted()).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    const first = checks[0].status === 'fulfilled' ? KEY : OTHER_KEY;
    await checkMasterKey(db, createCipher(first));
    await checkMasterKey(db, createCipher(Buffer.alloc(32, 3), [first]));

    await putSecret(db, createCipher(first), 'crm_key', 'the password');
    expect(await readSecrets(db, createCipher(first))).toEqual({ crm_key: 'the password' });
  });
});
