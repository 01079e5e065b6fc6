import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Cipher } from '../db/cipher.ts';
import { listWaitingPeople, postponePerson } from '../db/inbox.ts';
import type { Database } from '../db/open.ts';
import type { CompiledVersions } from '../db/version-cache.ts';
import { CHANNELS } from '../db/wake.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { rerenderDraft } from '../domain/journey/rewrite-draft.ts';
import { carryCommands, TemporalAway } from './carry.ts';
import { expireDrafts } from './expire.ts';
import { workOffJob } from './jobs.ts';
import { startLoop } from './loop.ts';
import { createMatcher, type MatchPerson } from './match.ts';
import { releaseParked } from './release.ts';
import { createRetention, type Retention } from './retention.ts';
import { readNamespaceId } from './namespace-id.ts';
import { registerSearchAttributes } from './search-attributes.ts';
import { createWatch } from './watch.ts';

const POLL_MS = 500;
const EXPIRY_POLL_MS = 1_000;
const WATCH_POLL_MS = 60_000;
const RETENTION_POLL_MS = 60_000;
const PEOPLE_AT_ONCE = 50;
const MATCHES_AT_ONCE = 4;

export type RelayOptions = {
  database: Database;
  cipher: Cipher;
  versions: CompiledVersions;
  /** Where requests may go. */
  destinations: DestinationRules;
  client: Client;
  taskQueue: string;
  /** Whether the four search attributes are registered. */
  withSearchAttributes: boolean;
  /** Whether destinations that fail are left alone for a while. */
  breaker: boolean;
  retention: Retention;
  now: () => Date;
  log: Logger;
};

/**
 * Carries what the API stored to Temporal. Loops of SQL only match people's items to campaigns, tell parked deliveries to come, discard
 * drafts whose time is over, work off jobs, and delete what is old; one carries the resulting commands, and one looks for what is stuck.
 * Any number of relays may run: Postgres gives each person, job and command to one of them.
 */
export async function startRelay({
  database,
  cipher,
  versions,
  destinations,
  client,
  taskQueue,
  withSearchAttributes,
  breaker,
  retention,
  now,
  log,
}: RelayOptions) {
  const { db } = database;
  const matchPerson = createMatcher({ db, cipher, campaigns: versions.campaigns, now });
  const rerender = { cipher, ...versions, render: rerenderDraft(destinations) };
  let isAway = false;
  const carry = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const carried = await carryCommands({
        db,
        client,
        taskQueue,
        withSearchAttributes,
        onRefused: (command, error) =>
          log.error({ workflowId: command.workflowId, err: error }, 'Temporal refused a command'),
      });
      if (isAway && carried > 0) log.warn('Temporal is back');
      if (carried > 0) isAway = false;
      return carried;
    },
    onError: (error) => {
      if (!(error instanceof TemporalAway)) return log.error({ err: error }, 'commands could not be carried');
      if (!isAway) log.warn({ err: error.cause }, 'Temporal takes no commands; commands wait in Postgres');
      isAway = true;
    },
  });
  const match = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const waiting = await listWaitingPeople(db, PEOPLE_AT_ONCE);
      const { done, failures } = await matchAll(waiting, matchPerson);
      for (const { person, error } of failures) {
        log.error({ person, err: error }, 'what waits for a person could not be matched');
        await postponePerson(db, person);
      }
      if (done > 0) carry.wake();
      return done + failures.length;
    },
    onError: (error) => log.error({ err: error }, 'stored items could not be matched'),
  });
  const release = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const released = await releaseParked(db, { now: now(), breaker });
      if (released > 0) carry.wake();
      return released;
    },
    onError: (error) => log.error({ err: error }, 'parked deliveries could not be told to come'),
  });
  const expire = startLoop({
    pollMs: EXPIRY_POLL_MS,
    look: async () => {
      const decided = await expireDrafts(db, now());
      if (decided > 0) carry.wake();
      return decided;
    },
    onError: (error) => log.error({ err: error }, 'expired drafts could not be discarded'),
  });
  const jobs = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const onFailed = (job: string, error: unknown) => log.error({ job, err: error }, 'a job could not go on');
      const worked = await workOffJob(db, { now, rerender, onFailed });
      if (worked > 0) carry.wake();
      return worked;
    },
    onError: (error) => log.error({ err: error }, 'jobs could not be worked off'),
  });
  const ending = new AbortController();
  const { namespace } = client.options;
  const look = createWatch({
    ...{ db, client, taskQueue, now, log, onRestart: () => carry.wake(), signal: ending.signal },
    namespaceId: () => readNamespaceId(client),
    onNewNamespace: async () => {
      if (withSearchAttributes) await registerSearchAttributes(client, namespace, log);
    },
  });
  const watch = startLoop({
    pollMs: WATCH_POLL_MS,
    look,
    onError: (error) => {
      if (!ending.signal.aborted) log.warn({ err: error }, 'what is stuck could not be looked for; trying again');
    },
  });
  const clean = startLoop({
    pollMs: RETENTION_POLL_MS,
    look: createRetention({ ...retention, db, now, signal: ending.signal }),
    onError: (error) => log.error({ err: error }, 'what is old could not be deleted; trying again'),
  });
  await database.listen(CHANNELS.inbox, () => match.wake());
  await database.listen(CHANNELS.line, () => release.wake());
  await database.listen(CHANNELS.commands, () => carry.wake());
  return {
    async stop() {
      ending.abort();
      const loops = [match, release, expire, jobs, carry, watch, clean];
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

/** A few people at a time; one who cannot be matched does not keep the others waiting. */
async function matchAll(keys: string[], matchPerson: MatchPerson) {
  const queue = [...keys];
  const failures: { person: string; error: unknown }[] = [];
  let done = 0;
  const work = async () => {
    for (let key = queue.shift(); key !== undefined; key = queue.shift()) {
      try {
        done += await matchPerson(key);
      } catch (error) {
        failures.push({ person: key, error });
      }
    }
  };
  await Promise.all(Array.from({ length: MATCHES_AT_ONCE }, work));
  return { done, failures };
}
