import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { HooklineError } from '../domain/errors.ts';

const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals what must not be readable in Postgres. `row` is where the value stands (`deliveries/dlv_…`): elsewhere it does not open. */
export type Cipher = {
  /** What each value begins with that the current key sealed. */
  keyId: Buffer;
  seal(plain: string, row: string): Buffer;
  open(sealed: Buffer, row: string): string;
};

/**
 * AES-256-GCM with the row as associated data (NIST SP 800-38D). A sealed value is: id of the master key, nonce, tag, ciphertext.
 * New values take the current key; older keys only open.
 */
export function createCipher(masterKey: Buffer, previousKeys: Buffer[] = []): Cipher {
  const keys = new Map([...previousKeys, masterKey].map((key) => [keyId(key).toString('hex'), key]));
  const current = keyId(masterKey);
  return {
    keyId: current,
    seal(plain, row) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', masterKey, nonce).setAAD(Buffer.from(row));
      const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return Buffer.concat([current, nonce, cipher.getAuthTag(), sealed]);
    },
    open(sealed, row) {
      const key = keys.get(sealed.subarray(0, KEY_ID_BYTES).toString('hex'));
      if (!key) throw wrongKey(row);
      const nonce = sealed.subarray(KEY_ID_BYTES, KEY_ID_BYTES + NONCE_BYTES);
      const tag = sealed.subarray(KEY_ID_BYTES + NONCE_BYTES, KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES);
      const text = sealed.subarray(KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES);
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
          .setAAD(Buffer.from(row))
          .setAuthTag(tag);
        return Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
      } catch (cause) {
        throw wrongKey(row, cause);
      }
    },
  };
}

const keyId = (key: Buffer) =>
  createHash('sha256').update('hookline master key').update(key).digest().subarray(0, KEY_ID_BYTES);

const wrongKey = (row: string, cause?: unknown) =>
  new HooklineError(
    'secrets.wrong_key',
    `The stored value of ${row} was sealed with a master key that this process does not have. ` +
      'Add that key to HOOKLINE_PREVIOUS_MASTER_KEYS.',
    { cause },
  );
