import type { Cipher } from '../db/cipher.ts';
import { stopBroadcast } from '../db/broadcasts.ts';
import { cancelDelivery } from '../db/cancel-delivery.ts';
import { exitJourneys } from '../db/journey-exit.ts';
import { endJourney, lockJourneyOf } from '../db/journeys.ts';
import { lookAtWait } from '../db/wait-judgement.ts';
import type { Db } from '../db/open.ts';
import type { CompiledVersions } from '../db/version-cache.ts';
import { judgeWait } from '../domain/journey/judge-wait.ts';
import { createEnterPage } from './enter-page.ts';
import { withPlainErrors } from './plain-errors.ts';
import { createPrepare } from './prepare.ts';
import type { SendSettings } from './claim-attempt.ts';
import { createSendWebhook } from './send-webhook.ts';
import { createReadSigningKeys } from './signing-keys.ts';

export type ActivityDependencies = {
  db: Db;
  cipher: Cipher;
  versions: CompiledVersions;
  now: () => Date;
  send: SendSettings;
  /** Aborts when the worker has no time left: what is under way is cut off. */
  stopping: AbortSignal;
  /** Tells the relays that a delivery in line may go. */
  wakeLine: () => void;
  /** Tells the relays that something was stored for a person. */
  wakeInbox: () => void;
  /** Tells the relays that Temporal has to be told something. */
  wakeCommands: () => void;
};

/** Everything that touches the world on a journey's behalf. Each may run twice, and then changes nothing more. */
export function createActivities({
  db,
  cipher,
  versions,
  now,
  send,
  stopping,
  wakeLine,
  wakeInbox,
  wakeCommands,
}: ActivityDependencies) {
  const { campaigns, webhooks } = versions;
  const signingKeys = createReadSigningKeys({ db, cipher, now });
  return {
    prepare: withPlainErrors(createPrepare({ db, cipher, now, campaigns, wakeInbox })),
    sendWebhook: withPlainErrors(
      createSendWebhook({ db, cipher, now, campaigns, webhooks, signingKeys, stopping, wakeLine, wakeInbox, ...send }),
    ),
    endJourney: withPlainErrors((ending: { journey: string; state: 'completed' | 'exited'; reason: string | null }) =>
      endJourney(db, ending.journey, ending.state, ending.reason),
    ),
    /** Where a wait stands: what has come meanwhile ends it, or its time. */
    endWait: withPlainErrors(({ journey, step }: { journey: string; step: string }) =>
      db.transaction(async (tx) => {
        await lockJourneyOf(tx, journey);
        return lookAtWait({ tx, cipher, campaigns, now: now(), judgeWait }, journey, step);
      }),
    ),
    /** Ends a journey that was cut off where it stood: nothing of it is sent any more. */
    exitJourney: withPlainErrors(async ({ journey, reason }: { journey: string; reason: string }) => {
      await exitJourneys(db, [journey], { reason, by: null, now: now() });
    }),
    enterPage: withPlainErrors(createEnterPage({ db, campaigns, now, wakeCommands })),
    /** A broadcast that was cancelled in Temporal selects nobody any more. */
    stopBroadcast: withPlainErrors(async ({ broadcast }: { broadcast: string }) => {
      await stopBroadcast(db, broadcast, { wake: false });
    }),
    /** Ends a delivery, or a resend of one, whose own workflow was cut off. */
    cancelDelivery: withPlainErrors((named: { delivery: string; resend?: string | undefined }) =>
      cancelDelivery(db, named),
    ),
  };
}

export type Activities = ReturnType<typeof createActivities>;
