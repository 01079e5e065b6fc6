import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readApiKeys, recordUses, type ApiKeyRow } from '../db/api-keys.ts';
import type { Database } from '../db/open.ts';
import { CHANNELS, createWaker } from '../db/wake.ts';
import { HooklineError } from '../domain/errors.ts';
import { createQuota } from './quota.ts';
import type { Scope } from './route.ts';

/** Between two readings, so that a key is gone from every process within a second of its deletion, also where a NOTIFY is lost. */
const POLL_MS = 500;
const USES_EVERY_MS = 60_000;

export type KnownKey = {
  id: string;
  name: string;
  scope: Scope;
  expiresAt: Date | null;
  /** Counts a request, in this process alone; absent where the key may send as many as it likes. */
  quota: ReturnType<typeof createQuota> | undefined;
};

/** `usedAt` is null where it stands in Postgres, since `writtenMs`, to the minute. */
type Held = KnownKey & { digest: Buffer; usedAt: Date | null; writtenMs: number };

export type KeyRing = ReturnType<typeof createKeyRing>;

export const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest();

/** A new key, whose beginning says what it is to who finds one. */
export const newKey = (scope: Scope): string => `hk_${scope}_${randomBytes(32).toString('base64url')}`;

type Options = {
  database: Database;
  /** The key of the environment, named `admin`. */
  adminKey: string;
  now: () => Date;
  onError: (error: unknown) => void;
};

/**
 * The keys that requests may come with, held in memory: no request waits for Postgres to say who calls. They are read again when a
 * NOTIFY says that they have changed, and twice a second in any case.
 */
export function createKeyRing({ database, adminKey, now, onError }: Options) {
  const { db } = database;
  const tellOthers = createWaker(db, 'keys', onError);
  const admin = digestOf(adminKey);
  let known: Map<string, Held> | undefined;

  const read = async () => {
    const rows = await readApiKeys(db);
    const before = known;
    // Nothing of a key ever changes: those that are held already go on counting.
    known = new Map(
      rows.map((row) => {
        const name = row.digest.toString('hex');
        return [name, before?.get(name) ?? heldOf(row)];
      }),
    );
  };
  let last: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  /** One read after the other, so that an old answer never takes the place of a newer one; who asks meanwhile shares the next. */
  const refresh = (): Promise<void> => {
    next ??= last.then(() => {
      next = undefined;
      return read();
    });
    last = next.catch(() => {});
    return next;
  };
  const writeUses = async (everyMs: number) => {
    const nowMs = now().getTime();
    const due = [...(known?.values() ?? [])].flatMap((key) =>
      key.usedAt && nowMs - key.writtenMs >= everyMs ? [{ key, id: key.id, at: key.usedAt }] : [],
    );
    if (due.length === 0) return;
    await recordUses(db, due);
    for (const { key, at } of due)
      Object.assign(key, { writtenMs: nowMs, usedAt: key.usedAt === at ? null : key.usedAt });
  };

  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let isAway = false;
  const poll = async () => {
    try {
      await Promise.all([refresh(), writeUses(USES_EVERY_MS)]);
      isAway = false;
    } catch (error) {
      if (!isAway) onError(error);
      isAway = true;
    }
    if (!stopped) timer = setTimeout(() => void poll(), POLL_MS);
  };

  return {
    /**
     * Which key that is, compared in constant time: how long the look-up takes tells of a hash that nobody can choose. Undefined where
     * it is none. Throws `internal.unavailable` while the keys have not been read.
     */
    find(sent: string): KnownKey | undefined {
      const digest = digestOf(sent);
      if (!known) {
        const message = 'The API keys have not been read yet. Send the request again.';
        throw new HooklineError('internal.unavailable', message);
      }
      if (timingSafeEqual(digest, admin)) return ADMIN;
      const key = known.get(digest.toString('hex'));
      if (!key || !timingSafeEqual(digest, key.digest)) return undefined;
      key.usedAt = now();
      return key;
    },
    /** After a commit that changed keys: this process knows it before it answers, the others a moment later. */
    async changed(): Promise<void> {
      tellOthers();
      await refresh().catch(onError);
    },
    /** Reads the keys, and goes on doing so. */
    async start(): Promise<void> {
      await refresh();
      await database.listen(CHANNELS.keys, () => void refresh().catch(onError));
      timer = setTimeout(() => void poll(), POLL_MS);
    },
    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(timer);
      await writeUses(0).catch(onError);
    },
  };
}

const ADMIN: KnownKey = { id: 'admin', name: 'admin', scope: 'admin', expiresAt: null, quota: undefined };

function heldOf({ id, name, scope, digest, expiresAt, rateLimit }: ApiKeyRow): Held {
  const quota = rateLimit === null ? undefined : createQuota(rateLimit);
  return { id, name, scope, expiresAt, quota, digest, usedAt: null, writtenMs: 0 };
}
