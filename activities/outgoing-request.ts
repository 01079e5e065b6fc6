import { signatureHeaders, type SigningProfile } from '../domain/delivery/signature.ts';
import type { FrozenRequest } from '../domain/journey/render-delivery.ts';

type Sending = {
  /** The idempotency key: the same for each attempt of a delivery. */
  id: string;
  signing: SigningProfile;
  keys: readonly string[];
  userAgent: string;
  now: Date;
};

/** The request with the headers that each one carries beside the frozen ones, signed for this very moment. */
export function outgoingRequest(request: FrozenRequest, { id, signing, keys, userAgent, now }: Sending): FrozenRequest {
  const timestamp = Math.floor(now.getTime() / 1000);
  const signed = signatureHeaders({ profile: signing, keys, deliveryId: id, timestamp, body: request.body });
  const isNamed = request.headers.some(([name]) => name.toLowerCase() === 'user-agent');
  const agent: [string, string][] = isNamed ? [] : [['User-Agent', userAgent]];
  return { ...request, headers: [...request.headers, ['Idempotency-Key', id], ...agent, ...signed] };
}
