import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { journeyWorkflowId } from '../workflows/messages.ts';
import { medianBy, until } from './measure.ts';
import type { Servers } from './servers.ts';

const WARM_UP_ROUNDS = 1;
const COUNTED_ROUNDS = 5;
/** Of either campaign: together well below what two cores carry. */
const EVENTS_PER_SECOND = 5;
const PHASE_S = 12;
/** More than all that a worker sends at once: a destination that takes what it can get takes everything. */
const BACKLOG = 240;
const AT_MOST = 1.2;

/**
 * The 95th percentile of the time from an event to its delivery's success, beside a second destination that is sent more than it
 * gets and never answers, and beside one that answers, in turns: both cost the machine as many journeys, so that what differs is
 * the hanging alone. Its requests end by the default timeout and are retried.
 */
export async function benchIsolation(servers: Servers): Promise<string> {
  const [origin = '', ...others] = servers.origins;
  await servers.publish('healthy', campaign(`${origin}/healthy`));
  const client = new Client({ connection: await Connection.connect({ address: servers.temporalAddress }) });

  await servers.publish('answering', campaign(`${others.at(-1) ?? ''}/healthy`));
  const besideAnswering = (round: number) => p95(servers, `plain-${round}`, ['answering']);
  const besideSilent = async (round: number) => {
    const silent = `silent-${round}`;
    await servers.publish(silent, campaign(`${others[round] ?? ''}/held`));
    await servers.post(Array.from({ length: BACKLOG }, (_, each) => event(silent, `${silent}-backlog-${each}`)));
    await until('the backlog waits', async () => (await servers.countWaiting(silent)) === BACKLOG);
    const measured = await p95(servers, `beside-${round}`, [silent]);
    await clear(servers, client, silent);
    return measured;
  };

  const rounds: Round[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + COUNTED_ROUNDS; round += 1) {
    rounds.push({ answering: await besideAnswering(round), silent: await besideSilent(round) });
  }
  await client.connection.close();
  const median = medianBy(rounds.slice(WARM_UP_ROUNDS), ratioOf);
  const shown = `p95 ${median.silent.toFixed(0)} ms beside a silent destination, ${median.answering.toFixed(0)} ms beside one that answers`;
  return `isolation: ratio ${ratioOf(median).toFixed(2)}, at most ${AT_MOST} (${shown})`;
}

type Round = { answering: number; silent: number };

const ratioOf = (round: Round) => round.silent / round.answering;

const campaign = (url: string) => ({ steps: [{ type: 'webhook', id: 'hook', url }] });

const event = (name: string, person: string) => ({ person, name });

/** Milliseconds. Events come at a steady rate and in turns, however long those before them take. */
async function p95(servers: Servers, phase: string, besides: string[]): Promise<number> {
  const startedAt = performance.now();
  const posted: Promise<void>[] = [];
  const campaigns = ['healthy', ...besides];
  const count = PHASE_S * EVENTS_PER_SECOND;
  for (let each = 0; each < count; each += 1) {
    for (const [turn, name] of campaigns.entries()) {
      const dueMs = ((each + turn / campaigns.length) * 1000) / EVENTS_PER_SECOND;
      await pause(Math.max(0, startedAt + dueMs - performance.now()));
      posted.push(servers.post([event(name, `${name}-${phase}-${each}`)]));
    }
  }
  await Promise.all(posted);
  const measure = async () => {
    const [row] = await servers.database<{ sent: number; ms: number }[]>`
      select
        count(*)::int as sent,
        extract(epoch from percentile_cont(0.95) within group (order by d.sent_at - e.received_at))::float * 1000 as ms
      from deliveries d
      join journeys j on j.id = d.journey_id
      join events e on e.id = j.event_id
      join people p on p.key = d.person_key
      where p.id like ${`healthy-${phase}-%`} and d.state = 'sent'`;
    return row ?? { sent: 0, ms: 0 };
  };
  await until('all healthy deliveries are sent', async () => (await measure()).sent === count);
  return (await measure()).ms;
}

/** Nothing of the silent campaign may be left in the next phase. */
async function clear(servers: Servers, client: Client, campaignId: string): Promise<void> {
  const journeys = await servers.database<{ id: string; run: number }[]>`
    select id, run from journeys where campaign_id = ${campaignId} and ended_at is null`;
  await servers.database`delete from people where id like ${`${campaignId}-%`}`;
  const handles = journeys.map(({ id, run }) => client.workflow.getHandle(journeyWorkflowId(id, run)));
  await Promise.allSettled(handles.map((handle) => handle.terminate()));
  await servers.release();
  await until('nothing runs any more', async () => {
    return (await client.workflow.count(`ExecutionStatus = 'Running'`)).count === 0;
  });
}
