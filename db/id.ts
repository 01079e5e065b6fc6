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

/** A new id: its kind, then a UUIDv7 (RFC 9562), so that ids sort by the time they were made. */
export const newId = <P extends IdPrefix>(prefix: P): `${P}_${string}` => `${prefix}_${v7()}`;

/** A place among ids: those that were made before this time, in ms, sort before it. */
export const placeAt = <P extends IdPrefix>(prefix: P, msecs: number): `${P}_${string}` =>
  `${prefix}_${v7({ msecs, seq: 0, random: new Uint8Array(16) })}`;
