import type { FrozenRequest, RenderedDelivery } from '../domain/journey/render-delivery.ts';
import type { Cipher } from './cipher.ts';
import type { NewDelivery } from './deliveries.ts';
import { sealed } from './sealed.ts';

const { rowOf } = sealed.frozenRequest;

/** The columns that a delivery has by being rendered. The request is frozen with it: from then on only its bytes count. */
export function renderedColumns(cipher: Cipher, rendered: RenderedDelivery): Omit<NewDelivery, 'personKey'> {
  const { frozen, label: _label, webhook: _webhook, ...columns } = rendered;
  return { ...columns, frozen: frozen && sealRequest(cipher, rendered.id, frozen) };
}

export const sealRequest = (cipher: Cipher, delivery: string, request: FrozenRequest): Buffer =>
  cipher.seal(JSON.stringify(request), rowOf(delivery));

export const openRequest = (cipher: Cipher, delivery: string, frozen: Buffer): FrozenRequest =>
  JSON.parse(cipher.open(frozen, rowOf(delivery))) as FrozenRequest;
