import type { Logger } from 'pino';
import type { Cipher } from '../db/cipher.ts';
import type { Db } from '../db/open.ts';
import type { CompiledVersions } from '../db/version-cache.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { rerenderDraft } from '../domain/journey/rewrite-draft.ts';
import { broadcastRoutes } from './broadcasts.ts';
import { bulkRoutes } from './bulk-routes.ts';
import { campaignFigureRoutes } from './campaign-figures.ts';
import { campaignStateRoutes } from './campaign-states.ts';
import { campaignRoutes } from './campaigns.ts';
import { decisionRoutes } from './decisions.ts';
import { deliveryRoutes } from './deliveries.ts';
import { customerioCompatRoutes } from './compat/customerio/routes.ts';
import { leanplumCompatRoutes } from './compat/leanplum/routes.ts';
import { segmentCompatRoutes } from './compat/segment/routes.ts';
import { destinationRoutes } from './destinations.ts';
import { docRoutes } from './docs.ts';
import { editRoutes } from './edit.ts';
import { egressRoutes } from './egress.ts';
import { createEventGroups } from './event-groups.ts';
import { eventRoutes } from './events.ts';
import { healthRoutes } from './health.ts';
import { jobRoutes } from './jobs.ts';
import type { KeyRing } from './key-ring.ts';
import { keyRoutes } from './keys.ts';
import type { Metrics } from './metrics.ts';
import { journeyExitRoutes } from './journey-exit.ts';
import { resendRoutes } from './resend.ts';
import { journeyRoutes } from './journeys.ts';
import { previewRoutes } from './preview.ts';
import { peopleRoutes } from './people.ts';
import { personActionRoutes } from './person-actions.ts';
import type { Route } from './route.ts';
import { secretRoutes } from './secrets.ts';
import { segmentRoutes } from './segments.ts';
import { sendRoutes } from './sends.ts';
import type { TemporalUi } from './shown-journey.ts';
import { signingKeyRoutes } from './signing-keys.ts';
import { simulateRoutes } from './simulate.ts';
import { testRoutes } from './test-webhook.ts';
import { timelineRoutes } from './timeline.ts';
import { webhookRoutes } from './webhooks.ts';

export type ApiDependencies = {
  db: Db;
  /** The clock of Postgres: no moment is judged by that of the process. */
  now: () => Date;
  /** Who may call. */
  keys: Pick<KeyRing, 'changed'>;
  cipher: Cipher;
  versions: CompiledVersions;
  /** Tells the relays that something was stored. */
  wake: () => void;
  /** Tells the relays that there is something to tell Temporal. */
  wakeCarrier: () => void;
  /** Tells the workers that there is a webhook to be tested. */
  wakeTests: () => void;
  ready: () => Promise<string | null>;
  temporalUi: TemporalUi;
  /** Where requests may go: a definition with another literal URL is refused. */
  destinations: DestinationRules;
  /** CIDRs that requests come from, as configured. */
  egressAddresses: string[];
  metrics: Metrics;
  log: Logger;
};

/** Every route that there is. */
export function allRoutes(dependencies: ApiDependencies): Route[] {
  const { versions } = dependencies;
  const rewriting = { cipher: dependencies.cipher, ...versions };
  const rerender = { ...rewriting, render: rerenderDraft(dependencies.destinations) };
  const storeEvent = createEventGroups(dependencies.db);
  const routes: Route[] = [
    // First, since it is what is asked for most, and Express asks one route after the other.
    ...eventRoutes({ ...dependencies, storeEvent }),
    ...peopleRoutes(dependencies),
    ...personActionRoutes(dependencies),
    ...timelineRoutes(dependencies),
    ...campaignRoutes(dependencies),
    ...campaignStateRoutes(dependencies),
    ...campaignFigureRoutes(dependencies),
    ...broadcastRoutes(dependencies),
    ...simulateRoutes(dependencies),
    ...previewRoutes(dependencies),
    ...testRoutes(dependencies),
    ...webhookRoutes(dependencies),
    ...segmentRoutes(dependencies),
    ...sendRoutes({ ...dependencies, ...versions }),
    ...journeyRoutes(dependencies),
    ...journeyExitRoutes(dependencies),
    ...deliveryRoutes(dependencies),
    ...decisionRoutes(dependencies),
    ...resendRoutes(dependencies),
    ...bulkRoutes({ ...dependencies, rerender }),
    ...editRoutes({ ...dependencies, ...rewriting }),
    ...jobRoutes(dependencies),
    ...destinationRoutes(dependencies),
    ...secretRoutes(dependencies),
    ...signingKeyRoutes(dependencies),
    ...keyRoutes(dependencies),
    ...egressRoutes(dependencies),
    ...segmentCompatRoutes(dependencies),
    ...customerioCompatRoutes({ ...dependencies, storeEvent }),
    ...leanplumCompatRoutes(dependencies),
    ...healthRoutes(dependencies),
    ...docRoutes(() => routes),
  ];
  return routes;
}
