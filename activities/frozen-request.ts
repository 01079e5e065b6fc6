import type { Cipher } from '../db/cipher.ts';
import { sealed } from '../db/sealed.ts';
import type { RenderedRequest } from '../domain/request/request.ts';

/** What every attempt of a delivery sends, byte for byte, and the secrets that its log must not show. */
export type FrozenRequest = Omit<RenderedRequest, 'missing'> & { secrets: string[] };

const { rowOf } = sealed.frozenRequest;

export const sealRequest = (cipher: Cipher, delivery: string, request: FrozenRequest): Buffer =>
  cipher.seal(JSON.stringify(request), rowOf(delivery));

export const openRequest = (cipher: Cipher, delivery: string, frozen: Buffer): FrozenRequest =>
  JSON.parse(cipher.open(frozen, rowOf(delivery))) as FrozenRequest;
