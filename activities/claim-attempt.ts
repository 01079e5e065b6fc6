import { beginAttempt, closeLostAttempts, lockDelivery, moveDelivery, type DeliveryRow } from '../db/deliveries.ts';
import { newId } from '../db/id.ts';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import type { VersionCache } from '../db/version-cache.ts';
import { signatureHeaders } from '../domain/delivery/signature.ts';
import type { Sent } from '../domain/walk.ts';
import { sendPolicy, settled, type SendPolicy } from '../domain/campaign/send-policy.ts';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import type { FrozenRequest } from '../domain/journey/render-delivery.ts';
import { openRequest } from './frozen-request.ts';
import type { Http } from './http.ts';
import type { ReadSigningKeys } from './signing-keys.ts';

export type SendSettings = { http: Http; random: () => number; firstDelayMs: number; userAgent: string };

export type SendDependencies = SendSettings & {
  db: Db;
  cipher: Cipher;
  now: () => Date;
  versions: VersionCache<CompiledCampaign>;
  signingKeys: ReadSigningKeys;
};

export type ClaimedAttempt = {
  type: 'claimed';
  id: string;
  number: number;
  delivery: DeliveryRow;
  compiled: CompiledCampaign;
  policy: SendPolicy;
  request: FrozenRequest;
  firstAttemptAt: Date;
};

export type Claim = ClaimedAttempt | { type: 'settled'; sent: Sent } | { type: 'early'; delayMs: number };

/** Timers of the server are not exact: an attempt that comes this much before its time, or after the end of all time, may go. */
const EARLY_MS = 1_000;
const LATE_MS = 60_000;

const NO_RETRY_LEFT = {
  code: 'worker_lost',
  message: 'The attempts were lost with their workers, and no retry is left.',
};

/**
 * Takes the next attempt number and writes the attempt as `started`, before the request leaves. How many attempts there were
 * is counted here, in Postgres: what Temporal repeats after a killed worker costs the webhook no retry but the lost attempt.
 */
export async function claimAttempt(dependencies: SendDependencies, id: string): Promise<Claim> {
  const { db, cipher, now, userAgent, versions, signingKeys } = dependencies;
  // Before the claim: keys that cannot be read then cost no attempt.
  const keys = await signingKeys();
  return db.transaction(async (tx): Promise<Claim> => {
    const delivery = await lockDelivery(tx, id);
    if (!delivery) return { type: 'settled', sent: { state: 'failed', exit: true, detail: 'the person was erased' } };
    const { compiled, policy } = await deliveryPolicy(tx, versions, delivery);
    if (delivery.state === 'sent' || delivery.state === 'failed') {
      return { type: 'settled', sent: settled(delivery.state, policy, delivery.stepId) };
    }
    const at = now();
    const delayMs = (delivery.nextAttemptAt?.getTime() ?? 0) - at.getTime();
    if (delayMs > EARLY_MS) return { type: 'early', delayMs };

    const made = delivery.firstAttemptAt === null ? 0 : await closeLostAttempts(tx, id);
    const firstAttemptAt = delivery.firstAttemptAt ?? at;
    const spent =
      made > policy.times || (made > 0 && at.getTime() - firstAttemptAt.getTime() > policy.withinMs + LATE_MS);
    if (spent || !delivery.frozen) {
      const error = delivery.error ?? NO_RETRY_LEFT;
      await moveDelivery(tx, delivery, { state: 'failed', set: { error }, log: { error } });
      return { type: 'settled', sent: settled('failed', policy, delivery.stepId) };
    }
    const attempt = { id: newId('att'), deliveryId: id, number: made + 1 };
    await beginAttempt(tx, attempt, firstAttemptAt);
    const frozen = openRequest(cipher, id, delivery.frozen);
    const timestamp = Math.floor(at.getTime() / 1000);
    const signed = signatureHeaders({ profile: policy.signing, keys, deliveryId: id, timestamp, body: frozen.body });
    const request = { ...frozen, headers: [...frozen.headers, ...fixedHeaders(frozen, id, userAgent), ...signed] };
    return {
      type: 'claimed',
      id: attempt.id,
      number: attempt.number,
      delivery,
      compiled,
      policy,
      request,
      firstAttemptAt,
    };
  });
}

/** Headers that every attempt carries beside the frozen ones; the key is the delivery's id on each of them. */
function fixedHeaders(frozen: FrozenRequest, delivery: string, userAgent: string): [string, string][] {
  const named = frozen.headers.some(([name]) => name.toLowerCase() === 'user-agent');
  return [['Idempotency-Key', delivery], ...(named ? [] : [['User-Agent', userAgent] satisfies [string, string]])];
}

async function deliveryPolicy(tx: Db, versions: VersionCache<CompiledCampaign>, delivery: DeliveryRow) {
  const compiled = await versions(tx, delivery.campaignId ?? '', delivery.version ?? 0);
  return { compiled, policy: sendPolicy(compiled.webhook(delivery.stepId ?? ''), compiled.campaign.defaults) };
}
