import {
  beginAttempt,
  closeLostAttempts,
  lockForSending,
  moveDelivery,
  type DeliveryMove,
  type DeliveryRow,
  type LockedForSending,
} from '../db/deliveries.ts';
import { setProbe } from '../db/destinations.ts';
import { openRequest } from '../db/frozen-request.ts';
import { leaveLine } from '../db/parked.ts';
import { holdBack, readHeldSince } from '../db/paused.ts';
import { isBehind } from '../db/inbox.ts';
import { moveResend } from '../db/move-resend.ts';
import { findResend, type ResendRow } from '../db/resends.ts';
import { newId } from '../db/id.ts';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import type { VersionCache } from '../db/version-cache.ts';
import { redactText } from '../domain/request/redact.ts';
import type { Json } from '../domain/json.ts';
import type { Sent } from '../domain/walk.ts';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { endingEvents } from '../domain/campaign/decide-entry.ts';
import type { CompiledWebhook } from '../domain/campaign/compiled-webhook.ts';
import { settled } from '../domain/campaign/send-policy.ts';
import { UNMAPPED } from '../domain/journey/map-answer.ts';
import { SUPPRESSED, type FrozenRequest } from '../domain/journey/render-delivery.ts';
import type { ShownError } from '../domain/request/shown-error.ts';
import { approach, endOfParking, lostAt, seekAdmission, type Parked } from './admission.ts';
import type { Http } from './http.ts';
import { outgoingRequest } from './outgoing-request.ts';
import { NOT_MATCHED } from './prepare.ts';
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
  campaigns: VersionCache<CompiledCampaign>;
  /** Those that are stored on their own. */
  webhooks: VersionCache<CompiledWebhook>;
  signingKeys: ReadSigningKeys;
  /** Aborts when the worker has no time left. */
  stopping: AbortSignal;
  /** Tells the relays that somebody in line may go. */
  wakeLine: () => void;
  /** Tells the relays that something was stored. */
  wakeInbox: () => void;
};

export type ClaimedAttempt = {
  type: 'claimed';
  id: string;
  number: number;
  /** The resend that it belongs to. */
  resend: string | null;
  /** Its number within the sending or resend, from 1. */
  tries: number;
  delivery: DeliveryRow;
  destination: string;
  /** Who is woken where it has to wait. */
  workflowId: string;
  /** Whether it tries if a destination is back that was left alone. */
  probe: boolean;
  webhook: CompiledWebhook;
  request: FrozenRequest;
  firstAttemptAt: Date;
  /** How long it has waited for its destination or its campaign since then. */
  parkedMs: number;
};

export type Claim =
  | ClaimedAttempt
  | { type: 'settled'; sent: Sent }
  | { type: 'early'; delayMs: number; why: string }
  | { type: 'parked'; parked: Parked };

/** Timers of the server are not exact: an attempt that comes this much before its time, or after the end of all time, may go. */
const EARLY_MS = 1_000;
const LATE_MS = 60_000;

/** While the relay has still to match what may end the journey. */
const LOOK_AGAIN_MS = 1_000;

const NO_RETRY_LEFT = {
  code: 'worker_lost',
  message: 'The attempts were lost with their workers, and no retry is left.',
};

const PARKED_TOO_LONG = {
  code: 'delivery.parked_too_long',
  message:
    'It waited for its destination for 24 hours. GET /v1/destinations shows why; send it again when the destination is back.',
};

/** Nothing is sent to somebody who is suppressed; their journey goes on. */
const SKIPPED: DeliveryMove = {
  state: 'skipped',
  set: { error: SUPPRESSED, nextAttemptAt: null, mapping: UNMAPPED },
  log: { error: SUPPRESSED },
};

/** What the walk is told where a delivery went with its person. */
export const ERASED: Sent = { state: 'failed', exit: true, detail: 'the person was erased' };

/** What a final failure makes of a delivery: nothing is mapped any more. */
export const failedMove = (error: ShownError, log: Record<string, Json>): DeliveryMove => ({
  state: 'failed',
  set: { error, nextAttemptAt: null, mapping: UNMAPPED },
  log: { error, ...log },
});

/**
 * Takes the next attempt number and writes the attempt as `started`, before the request leaves; or lines up where the destination
 * has no place for it, or the campaign is paused. How many attempts there were is counted here, in Postgres: what Temporal repeats
 * after a killed worker costs the webhook no retry but the lost attempt.
 */
export async function claimAttempt(
  dependencies: SendDependencies,
  { delivery: id, resend: resendId, workflowId }: { delivery: string; resend?: string | undefined; workflowId: string },
): Promise<Claim> {
  const { db, cipher, userAgent, signingKeys } = dependencies;
  // Before the claim: keys that cannot be read then cost no attempt.
  const keys = await signingKeys();
  return db.transaction(async (tx): Promise<Claim> => {
    const locked = await lockForSending(tx, id);
    if (!locked) return { type: 'settled', sent: ERASED };
    const { delivery } = locked;
    const openUntil = dependencies.breaker ? locked.openUntil : null;
    const resend = resendId === undefined ? undefined : await findResend(tx, resendId);
    const own = await webhookOf(tx, dependencies, delivery);
    const webhook = resend && !resend.retry ? { ...own, policy: { ...own.policy, times: 0 } } : own;
    const { policy } = webhook;
    const decided = resend ? endedResend(resend, webhook) : decidedState(delivery, webhook);
    if (decided) {
      if (decided.type === 'settled') await leaveLine(tx, { id, workflowId });
      return decided;
    }
    const end = async (move: DeliveryMove, as: 'failed' | 'cancelled'): Promise<Claim> => {
      await (resend ? moveResend(tx, delivery, resend.id, { move, ended: true }) : moveDelivery(tx, delivery, move));
      await leaveLine(tx, { id, workflowId });
      return { type: 'settled', sent: settled(as, webhook) };
    };
    const fail = (error: ShownError) => end(failedMove(error, {}), 'failed');
    if (locked.suppressed) return end(SKIPPED, 'cancelled');
    const now = dependencies.now();
    if (locked.isHeld) {
      await holdBack(tx, { id, campaign: delivery.campaignId ?? '', workflowId, now });
      return { type: 'parked', parked: { state: 'parked', reason: 'pause', until: null } };
    }
    const sending = resend ?? { ...delivery, attemptsBefore: 0 };
    const delayMs = (sending.nextAttemptAt?.getTime() ?? 0) - now.getTime();
    if (delayMs > EARLY_MS) return { type: 'early', delayMs, why: 'the next attempt is not due yet' };
    if (!resend && (await mayEnd(tx, dependencies, locked)))
      return { type: 'early', delayMs: LOOK_AGAIN_MS, why: NOT_MATCHED };
    const { destination: origin, frozen } = delivery;
    if (frozen === null || origin === null) return fail(delivery.error ?? NO_RETRY_LEFT);

    const { attemptsBefore } = sending;
    const made = sending.firstAttemptAt === null ? 0 : (await closeLostAttempts(tx, id)) - attemptsBefore;
    const request = openRequest(cipher, id, frozen);
    const shown = () => redactText(origin, request.secrets);
    const standing = await approach(tx, { id, origin, openUntil, shown, now });
    const firstAttemptAt = sending.firstAttemptAt ?? now;
    const waitedSince = made > 0 ? ((await readHeldSince(tx, id)) ?? standing.since) : null;
    const waitedMs = waitedSince ? now.getTime() - waitedSince.getTime() : 0;
    const parkedMs = sending.parkedMs + waitedMs;
    const endsAt = firstAttemptAt.getTime() + policy.withinMs + parkedMs;
    if (made > policy.times || (made > 0 && now.getTime() > endsAt + LATE_MS))
      return fail(sending.error ?? NO_RETRY_LEFT);
    const { since, dueAt } = standing;
    if (since && now >= endOfParking({ since, dueAt })) return fail(PARKED_TOO_LONG);

    if (!dependencies.breaker) standing.load.openUntil = null;
    const rate =
      policy.rateIntervalMs === null ? null : { webhook: rateName(delivery), intervalMs: policy.rateIntervalMs };
    const admission = await seekAdmission(tx, standing, { id, origin, workflowId, now, rate });
    if (admission.state === 'parked') return { type: 'parked', parked: admission };

    const inFlightUntil = lostAt(now, policy.timeoutMs);
    const attempt = {
      id: resend && made === 0 ? resend.id : newId('att'),
      deliveryId: id,
      number: attemptsBefore + made + 1,
      destination: origin,
      inFlightUntil,
    };
    await Promise.all([
      beginAttempt(tx, attempt, {
        ...{ firstAttemptAt, parkedMs, now, resend: resend?.id ?? null },
        personKey: delivery.personKey,
      }),
      admission.probe && setProbe(tx, origin, attempt.id, inFlightUntil),
    ]);
    return {
      type: 'claimed',
      id: attempt.id,
      number: attempt.number,
      resend: resend?.id ?? null,
      tries: made + 1,
      delivery,
      destination: origin,
      workflowId,
      probe: admission.probe,
      webhook,
      request: outgoingRequest(request, { id, signing: policy.signing, keys, userAgent, now }),
      firstAttemptAt,
      parkedMs,
    };
  });
}

/** What there is to say of a delivery that is not to be sent now. */
function decidedState({ state }: DeliveryRow, webhook: CompiledWebhook): Claim | null {
  switch (state) {
    case 'drafted':
      return { type: 'parked', parked: { state: 'parked', reason: 'approval', until: null } };
    case 'sent':
    case 'failed':
    case 'discarded':
    case 'cancelled':
      return { type: 'settled', sent: settled(state, webhook) };
    case 'skipped':
      return { type: 'settled', sent: settled('cancelled', webhook) };
    case 'approved':
    case 'queued':
    case 'attempted':
      return null;
  }
}

/** Whether an event that was stored before may end the journey: only the relay does so, and no attempt overtakes it. */
async function mayEnd(
  tx: Db,
  { campaigns }: Pick<SendDependencies, 'campaigns'>,
  { delivery: { campaignId, version, personKey }, ends }: LockedForSending,
): Promise<boolean> {
  if (!ends) return false;
  const { campaign } = await campaigns(tx, campaignId ?? '', version ?? 0);
  const names = endingEvents(ends, campaign);
  return names.length > 0 && isBehind(tx, personKey, ends.lastNumber, { events: names });
}

function endedResend({ endedAt, error }: ResendRow, webhook: CompiledWebhook): Claim | null {
  return endedAt && { type: 'settled', sent: settled(error ? 'failed' : 'sent', webhook) };
}

/** What the delivery was rendered from: a stored webhook, or a step of a campaign. */
async function webhookOf(
  tx: Db,
  { campaigns, webhooks }: Pick<SendDependencies, 'campaigns' | 'webhooks'>,
  { webhookId, campaignId, stepId, version }: DeliveryRow,
): Promise<CompiledWebhook> {
  if (webhookId !== null) return webhooks(tx, webhookId, version ?? 0);
  return (await campaigns(tx, campaignId ?? '', version ?? 0)).webhook(stepId ?? '');
}

/** No id has a slash. */
const rateName = ({ webhookId, campaignId, stepId }: DeliveryRow) => webhookId ?? `${campaignId}/${stepId}`;
