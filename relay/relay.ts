import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Cipher } from '../db/cipher.ts';
import { fireDue } from '../db/due-entries.ts';
import { restartBroadcasts } from '../db/broadcasts.ts';
import { prepareStarts, type ClaimedCommand } from '../db/commands.ts';
import { listWaitingPeople, postponePerson } from '../db/inbox.ts';
import { sweepAnswers } from '../db/idempotency.ts';
import type { Database } from '../db/open.ts';
import type { CompiledVersions } from '../db/version-cache.ts';
import { CHANNELS } from '../db/wake.ts';
import type { DestinationRules } from '../domain/delivery/address.ts';
import { rerenderDraft } from '../domain/journey/rewrite-draft.ts';
import { createAwayLog } from './away-log.ts';
import { carryCommands } from './carry.ts';
import { exitStopped } from './exit.ts';
import { expireDrafts } from './expire.ts';
import { workOffJob } from './jobs.ts';
import { startLoop } from './loop.ts';
import { matchAll } from './match-all.ts';
import { createMatcher } from './match.ts';
import { releaseParked } from './release.ts';
import { createRetention, type Retention } from './retention.ts';
import { readNamespaceId } from './namespace-id.ts';
import { registerSearchAttributes } from './search-attributes.ts';
import { freeResumed } from './resume.ts';
import { startStarts } from './starts.ts';
import { createSweeper } from './sweep.ts';
import { runSchedules } from './schedules.ts';
import { createWatch } from './watch.ts';

const POLL_MS = 500;
const EXPIRY_POLL_MS = 1_000;
const DUE_POLL_MS = 1_000;
const SCHEDULE_POLL_MS = 1_000;
const RESTART_POLL_MS = 60_000;
const WATCH_POLL_MS = 60_000;
const SWEEP_POLL_MS = 60_000;
const RETENTION_POLL_MS = 60_000;
const PEOPLE_AT_ONCE = 50;

export type RelayOptions = {
  database: Database;
  cipher: Cipher;
  versions: CompiledVersions;
  /** Where requests may go. */
  destinations: DestinationRules;
  client: Client;
  taskQueue: string;
  /** Whether the four search attributes are registered as it starts. */
  withSearchAttributes: boolean;
  /** Whether destinations that fail are left alone for a while. */
  breaker: boolean;
  retention: Retention;
  /** How many journeys of broadcasts begin in a second at most, over all relays. */
  startsPerSecond: number;
  now: () => Date;
  log: Logger;
};

/**
 * Carries what the API stored to Temporal. Loops of SQL only match people's items to campaigns, tell parked and paused deliveries to come,
 * end journeys of stopped campaigns, discard drafts whose time is over, work off jobs, go through everybody for segments and dates, tell
 * what is due, and delete what is old; one carries the resulting commands, and the last one looks for what is stuck or lost.
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
  startsPerSecond,
  now,
  log,
}: RelayOptions) {
  const { db } = database;
  const matchPerson = createMatcher({ db, cipher, campaigns: versions.campaigns, now });
  const rerender = { cipher, ...versions, render: rerenderDraft(destinations) };
  let areRegistered = withSearchAttributes;
  const carrying = {
    db,
    client,
    taskQueue,
    withSearchAttributes: () => areRegistered,
    onRefused: (command: ClaimedCommand, error: unknown) =>
      log.error({ workflowId: command.workflowId, err: error }, 'Temporal refused a command'),
  };
  const away = createAwayLog(log);
  const carry = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const carried = await carryCommands(carrying);
      if (carried > 0) away.isBack();
      return carried;
    },
    onError: away.onError,
  });
  await prepareStarts(db);
  const starts = startStarts({ ...carrying, perSecond: startsPerSecond, pollMs: POLL_MS, away });
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
  const resume = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const freed = await freeResumed(db, now());
      if (freed > 0) carry.wake();
      return freed;
    },
    onError: (error) => log.error({ err: error }, 'deliveries of resumed campaigns could not be told to come'),
  });
  const exit = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const exited = await exitStopped(db, now());
      if (exited > 0) carry.wake();
      return exited;
    },
    onError: (error) => log.error({ err: error }, 'journeys of stopped campaigns could not be ended'),
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
  const sweepKept = startLoop({
    pollMs: SWEEP_POLL_MS,
    look: () => sweepAnswers(db),
    onError: (error) => log.error({ err: error }, 'kept answers could not be deleted'),
  });
  const sweepPage = createSweeper({
    db,
    campaigns: versions.campaigns,
    now,
    onFailed: ({ type, subject }, error) => log.error({ type, subject, err: error }, 'a sweep could not go on'),
  });
  const sweep = startLoop({
    pollMs: POLL_MS,
    look: async () => {
      const done = await sweepPage();
      if (done > 0) match.wake();
      return done;
    },
    onError: (error) => log.error({ err: error }, 'people could not be gone through'),
  });
  const fire = startLoop({
    pollMs: DUE_POLL_MS,
    look: async () => {
      const fired = await fireDue(db, now());
      if (fired > 0) match.wake();
      return fired;
    },
    onError: (error) => log.error({ err: error }, 'what is due could not be told'),
  });
  const schedules = startLoop({
    pollMs: SCHEDULE_POLL_MS,
    look: async () => {
      const onFailed = (campaign: string, error: unknown) =>
        log.error({ campaign, err: error }, 'a schedule could not be seen to');
      const made = await runSchedules({ db, campaigns: versions.campaigns, now: now(), onFailed });
      if (made > 0) carry.wake();
      return made;
    },
    onError: (error) => log.error({ err: error }, 'schedules could not be seen to'),
  });
  const restart = startLoop({
    pollMs: RESTART_POLL_MS,
    look: async () => {
      await restartBroadcasts(db);
      return 0;
    },
    onError: (error) => log.error({ err: error }, 'broadcasts could not be looked after'),
  });
  const ending = new AbortController();
  const { namespace } = client.options;
  const look = createWatch({
    ...{ db, client, taskQueue, now, random: Math.random, log, onRestart: () => carry.wake(), signal: ending.signal },
    namespaceId: () => readNamespaceId(client),
    onNewNamespace: async () => {
      // Who might not at the start has said so, and goes on without.
      if (!withSearchAttributes) return true;
      areRegistered = await registerSearchAttributes(client, namespace, log);
      return areRegistered;
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
  await database.listen(CHANNELS.commands, () => {
    carry.wake();
    starts.wake();
  });
  return {
    async stop() {
      ending.abort();
      const loops = [
        match,
        release,
        resume,
        exit,
        expire,
        jobs,
        sweep,
        fire,
        schedules,
        restart,
        carry,
        starts,
        watch,
        sweepKept,
        clean,
      ];
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}
