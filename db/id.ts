import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

export type IdPrefix =
  | 'per'
  | 'evt'
  | 'brd'
  | 'snd'
  | 'jrn'
  | 'dlv'
  | 'att'
  | 'dst'
  | 'sgk'
  | 'key'
  | 'req'
  | 'job'
  | 'tst';

/** A new id: its kind, then a UUIDv7 (RFC 9562), so that ids sort by the millisecond in which they were made. */
export const newId = <P extends IdPrefix>(prefix: P): `${P}_${string}` => `${prefix}_${v7()}`;

/** So many new ids, each after the one before it in the list: drawing random bytes for all at once takes a fraction of the time. */
export function newIds<P extends IdPrefix>(prefix: P, count: number): `${P}_${string}`[] {
  const msecs = Date.now();
  const random = randomBytes(16 * (count + 1));
  // Half of the 32 bits at most, so that counting up from there stays in them.
  const first = random.readUInt32BE() >>> 1;
  return Array.from({ length: count }, (_, place) => {
    const id = v7({ msecs, seq: first + place, random: random.subarray(16 * (place + 1)) });
    return `${prefix}_${id}` as const;
  });
}

/** A place among ids: those that were made before this time, in ms, sort before it. */
export const placeAt = <P extends IdPrefix>(prefix: P, msecs: number): `${P}_${string}` =>
  `${prefix}_${v7({ msecs, seq: 0, random: new Uint8Array(16) })}`;
