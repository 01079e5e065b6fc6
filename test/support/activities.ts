import { randomBytes } from 'node:crypto';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createHttp, type Http } from '../../activities/http.ts';
import { createActivities } from '../../activities/index.ts';
import { publishVersion } from '../../db/campaigns.ts';
import { createCompiledVersions } from '../../compiled-versions.ts';
import { createCipher } from '../../db/cipher.ts';
import { findDelivery } from '../../db/deliveries.ts';
import { newId } from '../../db/id.ts';
import { findJourney } from '../../db/journey-list.ts';
import type { Db } from '../../db/open.ts';
import { findPerson, putPerson } from '../../db/people.ts';
import { putSecret } from '../../db/secrets.ts';
import { listSigningKeys, rotateSigningKey } from '../../db/signing-keys.ts';
import { journeys } from '../../db/schema/journeys.ts';
import { events } from '../../db/schema/people.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import type { Json } from '../../domain/json.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import type { PlanStep } from '../../domain/walk.ts';
import { createTestDatabase } from './database.ts';
import { startReceiver } from './receiver.ts';

type Data = Record<string, Json>;

/** The activities on a real database, with a real receiver, no Temporal, and a clock that the test moves. */
export async function startActivities() {
  const [database, receiver] = await Promise.all([createTestDatabase(), startReceiver()]);
  const { db } = database;
  const http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'] });
  const cipher = createCipher(randomBytes(32));
  const clock = { now: new Date() };
  const stopping = new AbortController().signal;
  /** The activities as another worker has them, with a view of its own of the database, the network or the time. */
  const another = (view: { db?: Db; http?: Http; now?: () => Date; breaker?: boolean } = {}) =>
    createActivities({
      db: view.db ?? db,
      cipher,
      versions: createCompiledVersions(),
      now: view.now ?? (() => clock.now),
      send: {
        http: view.http ?? http,
        random: () => 0.5,
        firstDelayMs: 10_000,
        userAgent: 'Hookline/test',
        breaker: view.breaker ?? false,
      },
      stopping,
      wakeLine: () => {},
      wakeInbox: () => {},
      wakeCommands: () => {},
    });
  const activities = another();

  return {
    db,
    cipher,
    receiver,
    http,
    clock,
    /** Of their worker. */
    stopping,
    another,
    passMs: (ms: number) => void (clock.now = new Date(clock.now.getTime() + ms)),
    /** A journey at its start. The person is made, or changed where it is there; campaigns are published under their id. */
    async enter(
      campaignId: string,
      definition: { steps: unknown[]; [field: string]: unknown },
      { person = 'mary', attributes = {}, event }: { person?: string; attributes?: Data; event?: Data } = {},
    ): Promise<string> {
      const { campaign } = validateCampaign({ trigger: { type: 'event', event: 'go' }, ...definition }, campaignId);
      const { version } = await publishVersion(db, campaign, compilePlan(campaign));
      const { key: personKey } = await putPerson(db, person, attributes);
      const journey = newId('jrn');
      const eventId = event ? newId('evt') : null;
      if (event && eventId) {
        const at = { timestamp: clock.now, receivedAt: clock.now };
        await db.insert(events).values({ id: eventId, personKey, number: 1, name: 'go', data: event, ...at });
      }
      const ends = { goalEvent: campaign.goal?.event, exitEvents: campaign.exit?.events };
      const began = { cause: `event/${eventId}`, eventId, state: 'starting' as const };
      await db.insert(journeys).values({ id: journey, campaignId, version, personKey, ...began, ...ends });
      return journey;
    },
    prepare: (journey: string, step: string, type: PlanStep['type']) =>
      runIn(activities.prepare, { journey, step, type }),
    /** Renders and freezes a webhook; answers its delivery. */
    async freeze(journey: string, step: string): Promise<string> {
      const prepared = await runIn(activities.prepare, { journey, step, type: 'webhook' });
      if (prepared.type !== 'webhook') throw new Error(`the step came out as ${prepared.type}`);
      return prepared.delivery;
    },
    send: (delivery: string) => runIn(activities.sendWebhook, { delivery }),
    endJourney: (ending: Parameters<typeof activities.endJourney>[0]) => runIn(activities.endJourney, ending),
    async delivery(id: string) {
      const found = await findDelivery(db, id);
      if (!found) throw new Error(`there is no delivery ${id}`);
      return found;
    },
    async journey(id: string) {
      const found = await findJourney(db, id);
      if (!found) throw new Error(`there is no journey ${id}`);
      return found;
    },
    putSecret: (name: string, value: string) => putSecret(db, cipher, name, value),
    /** Oldest first. */
    signingKeys: async () => (await listSigningKeys(db, cipher, { limit: 50, order: 'asc' })).data,
    rotate: (input: { secret?: string; overlapMs: number }) => rotateSigningKey(db, cipher, input),
    attributes: async (person: string) => (await findPerson(db, person))?.attributes,
    async stop() {
      await Promise.all([http.close(), receiver.close()]);
      await database.close();
    },
  };
}

export type TestActivities = Awaited<ReturnType<typeof startActivities>>;

/** Where a worker runs an activity: it may be cancelled from outside. Failures are expected, and not logged. */
export const environment = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

/** What its worker tells an activity when it shuts down. */
export const shutDown = (worker: MockActivityEnvironment): void =>
  worker.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));

/** Runs an activity as a worker does. */
export const runIn = <T, R>(activity: (input: T) => Promise<R>, input: T): Promise<R> =>
  environment().run(activity, input);
