import type { Cipher } from './cipher.ts';
import { sealed } from './sealed.ts';
import type { FrozenRequest } from '../domain/journey/render-delivery.ts';

const { rowOf } = sealed.frozenRequest;

export const sealRequest = (cipher: Cipher, delivery: string, request: FrozenRequest): Buffer =>
  cipher.seal(JSON.stringify(request), rowOf(delivery));

export const openRequest = (cipher: Cipher, delivery: string, frozen: Buffer): FrozenRequest =>
  JSON.parse(cipher.open(frozen, rowOf(delivery))) as FrozenRequest;
