import { beginAttempt, closeLostAttempts, lockDelivery, moveDelivery, type DeliveryRow } from '../db/deliveries.ts';
import { setProbe } from '../db/destinations.ts';
import { newId } from '../db/id.ts';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import type { VersionCache } from '../db/version-cache.ts';
import { redactText } from '../domain/request/redact.ts';
import type { Sent } from '../domain/walk.ts';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { sendPolicy, settled, type SendPolicy } from '../domain/campaign/send-policy.ts';
import type { FrozenRequest } from '../domain/journey/render-delivery.ts';
import type { ShownError } from '../domain/request/shown-error.ts';
import { approach, endOfParking, lostAt, seekAdmission, type Parked } from './admission.ts';
import { openRequest } from './frozen-request.ts';
import type { Http } from './http.ts';
import { outgoingRequest } from './outgoing-request.ts';
import type { ReadSigningKeys } from './signing-keys.ts';

export type SendSettings = {
  http: Http;
  random: () => number;
  firstDelayMs: number;
  userAgent: string;
  /** Whether destinations that fail are left alone for a while. */
  breaker: boolean;
};

export type SendDependencies = SendSettings & {
  db: Db;
  cipher: Cipher;
  now: () => Date;
  versions: VersionCache<CompiledCampaign>;
  signingKeys: ReadSigningKeys;
  /** Tells the relays that somebody in line may go. */
  wakeLine: () => void;
};

export type ClaimedAttempt = {
  type: 'claimed';
  id: string;
  number: number;
  delivery: DeliveryRow;
  destination: string;
  /** Whether it tries if a destination is back that was left alone. */
  probe: boolean;
  compiled: CompiledCampaign;
  policy: SendPolicy;
  request: FrozenRequest;
  firstAttemptAt: Date;
  /** How long it has waited for its destination since then. */
  parkedMs: number;
};

export type Claim =
  | ClaimedAttempt
  | { type: 'settled'; sent: Sent }
  | { type: 'early'; delayMs: number }
  | { type: 'parked'; parked: Parked };

/** Timers of the server are not exact: an attempt that comes this much before its time, or after the end of all time, may go. */
const EARLY_MS = 1_000;
const LATE_MS = 60_000;

const NO_RETRY_LEFT = {
  code: 'worker_lost',
  message: 'The attempts were lost with their workers, and no retry is left.',
};

const PARKED_TOO_LONG = {
  code: 'delivery.parked_too_long',
  message:
    'It waited for its destination for 24 hours. GET /v1/destinations shows why; send it again when the destination is back.',
};

/**
 * Takes the next attempt number and writes the attempt as `started`, before the request leaves; or lines up where the destination
 * has no place for it. How many attempts there were is counted here, in Postgres: what Temporal repeats after a killed worker
 * costs the webhook no retry but the lost attempt.
 */
export async function claimAttempt(
  dependencies: SendDependencies,
  { delivery: id, workflowId }: { delivery: string; workflowId: string },
): Promise<Claim> {
  const { db, cipher, userAgent, versions, signingKeys } = dependencies;
  // Before the claim: keys that cannot be read then cost no attempt.
  const keys = await signingKeys();
  return db.transaction(async (tx): Promise<Claim> => {
    const delivery = await lockDelivery(tx, id);
    if (!delivery) return { type: 'settled', sent: { state: 'failed', exit: true, detail: 'the person was erased' } };
    const { compiled, policy } = await deliveryPolicy(tx, versions, delivery);
    switch (delivery.state) {
      case 'drafted':
        return { type: 'parked', parked: { state: 'parked', reason: 'approval', until: null } };
      case 'sent':
      case 'failed':
      case 'discarded':
      case 'cancelled':
        return { type: 'settled', sent: settled(delivery.state, policy, delivery.stepId) };
      case 'skipped':
        return { type: 'settled', sent: settled('cancelled', policy, delivery.stepId) };
      case 'approved':
      case 'queued':
      case 'attempted':
    }
    const fail = async (error: ShownError): Promise<Claim> => {
      await moveDelivery(tx, delivery, { state: 'failed', set: { error, nextAttemptAt: null }, log: { error } });
      return { type: 'settled', sent: settled('failed', policy, delivery.stepId) };
    };
    const now = dependencies.now();
    const delayMs = (delivery.nextAttemptAt?.getTime() ?? 0) - now.getTime();
    if (delayMs > EARLY_MS) return { type: 'early', delayMs };
    const { destination: origin, frozen } = delivery;
    if (frozen === null || origin === null) return fail(delivery.error ?? NO_RETRY_LEFT);

    const made = delivery.firstAttemptAt === null ? 0 : await closeLostAttempts(tx, id);
    const request = openRequest(cipher, id, frozen);
    const standing = await approach(tx, { id, origin, shown: () => redactText(origin, request.secrets), now });
    const firstAttemptAt = delivery.firstAttemptAt ?? now;
    const waitedMs = made > 0 && standing.since ? now.getTime() - standing.since.getTime() : 0;
    const parkedMs = delivery.parkedMs + waitedMs;
    const endsAt = firstAttemptAt.getTime() + policy.withinMs + parkedMs;
    if (made > policy.times || (made > 0 && now.getTime() > endsAt + LATE_MS))
      return fail(delivery.error ?? NO_RETRY_LEFT);
    if (standing.since && now >= endOfParking(standing.since)) return fail(PARKED_TOO_LONG);

    if (!dependencies.breaker) standing.load.openUntil = null;
    const rate =
      policy.rateIntervalMs === null
        ? null
        : { webhook: `${delivery.campaignId}/${delivery.stepId}`, intervalMs: policy.rateIntervalMs };
    const admission = await seekAdmission(tx, standing, { id, origin, workflowId, now, rate });
    if (admission.state === 'parked') return { type: 'parked', parked: admission };

    const inFlightUntil = lostAt(now, policy.timeoutMs);
    const attempt = { id: newId('att'), deliveryId: id, number: made + 1, destination: origin, inFlightUntil };
    await Promise.all([
      beginAttempt(tx, attempt, { firstAttemptAt, parkedMs, now }),
      admission.probe && setProbe(tx, origin, attempt.id, inFlightUntil),
    ]);
    return {
      type: 'claimed',
      id: attempt.id,
      number: attempt.number,
      delivery,
      destination: origin,
      probe: admission.probe,
      compiled,
      policy,
      request: outgoingRequest(request, { id, signing: policy.signing, keys, userAgent, now }),
      firstAttemptAt,
      parkedMs,
    };
  });
}

async function deliveryPolicy(tx: Db, versions: VersionCache<CompiledCampaign>, delivery: DeliveryRow) {
  const compiled = await versions(tx, delivery.campaignId ?? '', delivery.version ?? 0);
  return { compiled, policy: sendPolicy(compiled.webhook(delivery.stepId ?? ''), compiled.campaign.defaults) };
}
