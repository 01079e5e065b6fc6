import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { Cipher } from '../db/cipher.ts';
import { doOnce } from '../db/idempotency.ts';
import type { Db } from '../db/open.ts';
import { HooklineError } from '../domain/errors.ts';
import { parseInput } from '../domain/input/faults.ts';
import type { Answer, Caller } from './route.ts';
import { clientId } from './schemas.ts';

type Dependencies = { db: Db; cipher: Cipher };

/**
 * Answers a request with the header `Idempotency-Key` once, and its repeats with what the first one got; without the header each
 * request is one of its own. Only what succeeded is kept: a refused request did nothing, and is judged anew.
 * Throws `idempotency.mismatch` for another request under the key, `idempotency.in_progress` while the first one is under way.
 */
export async function answerOnce(
  { db, cipher }: Dependencies,
  request: Request,
  caller: Caller,
  handle: (db: Db) => Promise<Answer>,
): Promise<Answer & { isRepeat?: boolean }> {
  const key = parseInput(clientId.optional(), request.get('idempotency-key'), { prefix: 'Idempotency-Key' });
  if (key === undefined) return handle(db);
  const asked = {
    id: hashOf(caller.keyId, key),
    requestHash: hashOf(request.method, request.originalUrl, bodyOf(request)),
  };
  const result = await doOnce(db, cipher, asked, handle, ({ status, body }) => JSON.stringify({ status, body }));
  switch (result.type) {
    case 'done':
      return result.answer;
    case 'repeated':
      return { ...(JSON.parse(result.answer) as Answer), isRepeat: true };
    case 'mismatch':
      throw new HooklineError(
        'idempotency.mismatch',
        `The Idempotency-Key "${key}" was used for another request. Take a new one.`,
      );
    case 'inProgress':
      throw new HooklineError(
        'idempotency.in_progress',
        'The first request with this Idempotency-Key is under way. Send it again.',
      );
  }
}

const bodyOf = ({ body }: Request): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));

/** Each part by itself first, so that no two lists of parts look the same. */
function hashOf(...parts: (string | Buffer)[]): string {
  const whole = createHash('sha256');
  for (const part of parts) whole.update(createHash('sha256').update(part).digest());
  return whole.digest('hex');
}
