import type { Cipher } from '../db/cipher.ts';
import { cancelDelivery } from '../db/deliveries.ts';
import { cancelResend } from '../db/resends.ts';
import { exitJourneys } from '../db/journey-exit.ts';
import { endJourney } from '../db/journeys.ts';
import type { Db } from '../db/open.ts';
import { findVersion } from '../db/campaigns.ts';
import { createVersionCache } from '../db/version-cache.ts';
import { findWebhookVersion } from '../db/webhooks.ts';
import { compileCampaign } from '../domain/campaign/compiled-campaign.ts';
import { compileWebhook } from '../domain/campaign/compiled-webhook.ts';
import { withPlainErrors } from './plain-errors.ts';
import { createPrepare } from './prepare.ts';
import type { SendSettings } from './claim-attempt.ts';
import { createSendWebhook } from './send-webhook.ts';
import { createReadSigningKeys } from './signing-keys.ts';

export type ActivityDependencies = {
  db: Db;
  cipher: Cipher;
  now: () => Date;
  send: SendSettings;
  /** Aborts when the worker has no time left: what is under way is cut off. */
  stopping: AbortSignal;
  /** Tells the relays that a delivery in line may go. */
  wakeLine: () => void;
};

/** Everything that touches the world on a journey's behalf. Each may run twice, and then changes nothing more. */
export function createActivities({ db, cipher, now, send, stopping, wakeLine }: ActivityDependencies) {
  const campaigns = createVersionCache(findVersion, compileCampaign);
  const webhooks = createVersionCache(findWebhookVersion, (webhook, id) => compileWebhook(id, webhook));
  const signingKeys = createReadSigningKeys({ db, cipher, now });
  return {
    prepare: withPlainErrors(createPrepare({ db, cipher, now, campaigns })),
    sendWebhook: withPlainErrors(
      createSendWebhook({ db, cipher, now, campaigns, webhooks, signingKeys, stopping, wakeLine, ...send }),
    ),
    endJourney: withPlainErrors((ending: { journey: string; state: 'completed' | 'exited'; reason: string | null }) =>
      endJourney(db, ending.journey, ending.state, ending.reason),
    ),
    /** Ends a journey that was cut off where it stood: nothing of it is sent any more. */
    exitJourney: withPlainErrors(async ({ journey, reason }: { journey: string; reason: string }) => {
      await exitJourneys(db, [journey], { reason, by: null, now: now() });
    }),
    /** Ends a delivery, or a resend of one, whose own workflow was cut off. */
    cancelDelivery: withPlainErrors(({ delivery, resend }: { delivery: string; resend?: string | undefined }) =>
      resend === undefined ? cancelDelivery(db, delivery) : cancelResend(db, resend),
    ),
  };
}

export type Activities = ReturnType<typeof createActivities>;
