import { and, count, eq, isNull, sql, type SQL } from 'drizzle-orm';
import type { Campaign } from '../domain/campaign/campaign.ts';
import type { Condition } from '../domain/condition/condition.ts';
import type { Json } from '../domain/json.ts';
import { wakeBroadcast } from './broadcast-wakes.ts';
import { findVersion, holdCampaigns } from './campaigns.ts';
import { holdSegments } from './hold-segments.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { broadcasts, outcomes, type BroadcastState, type CampaignState } from './schema/campaigns.ts';
import { commands } from './schema/journeys.ts';
import { people } from './schema/people.ts';

export type NewBroadcast = {
  campaign: string;
  /** Who is meant: people by their ids, or everybody for whom a condition holds. */
  meant: { people: string[] } | { audience: Condition; segments: string[] };
  data: Record<string, Json>;
  requestId?: string | undefined;
  requestHash: string;
};

export type BroadcastResult =
  | { type: 'stored' | 'repeated'; id: string }
  | { type: 'mismatch' | 'noCampaign' }
  | { type: 'unknownSegments'; segments: string[] }
  | { type: 'notManual'; trigger: Campaign['trigger']['type'] }
  | { type: 'notLive'; state: CampaignState }
  | { type: 'unknownPeople'; people: string[] };

/**
 * Stores a manual start of a live campaign. Where people are named it leaves one item for each of them for the relay, all or none;
 * an audience is gone through by a workflow. The same `requestId` answers the first broadcast, whatever has changed since, and
 * `mismatch` if it comes with another body. People are locked in the order of their ids, before the campaign, as everywhere.
 */
export async function createBroadcast(db: Db, input: NewBroadcast): Promise<BroadcastResult> {
  return db.transaction(async (tx): Promise<BroadcastResult> => {
    const named = 'people' in input.meant ? input.meant.people : [];
    const locked = named.length > 0 ? await lockPeopleById(tx, named) : [];
    const [campaign] = await holdCampaigns(tx, [input.campaign]);
    if (!campaign) return { type: 'noCampaign' };
    const earlier = await findRepeated(tx, input);
    if (earlier) return earlier;
    const definition = await findVersion(tx, campaign.id, campaign.version);
    if (definition && definition.trigger.type !== 'manual')
      return { type: 'notManual', trigger: definition.trigger.type };
    if (campaign.state !== 'live') return { type: 'notLive', state: campaign.state };
    const { id: campaignId, version } = campaign;
    const { requestHash, data } = input;
    const request = { campaignId, version, requestId: input.requestId ?? null, requestHash, data };
    const unknown = 'audience' in input.meant ? await holdSegments(tx, input.meant.segments) : [];
    if (unknown.length > 0) return { type: 'unknownSegments', segments: unknown };
    const stored =
      'audience' in input.meant
        ? await startBroadcast(tx, { ...request, audience: input.meant.audience })
        : await triggerPeople(tx, request, { named, locked });
    if (stored) return stored;
    const other = await findRepeated(tx, input);
    if (!other) throw new Error('a broadcast vanished while it was repeated');
    return other;
  });
}

type NewRow = typeof broadcasts.$inferInsert;
type Stored = { type: 'stored'; id: string };

/** Stores a broadcast that goes through an audience, and the command that starts it; undefined where the request was stored already. */
export async function startBroadcast(
  tx: Db,
  broadcast: Omit<NewRow, 'id' | 'state' | 'selected'>,
): Promise<Stored | undefined> {
  const stored = await insertBroadcast(tx, { ...broadcast, state: 'running', selected: 0 });
  if (!stored) return undefined;
  const command = { type: 'startBroadcast', broadcast: stored.id } as const;
  await tx.insert(commands).values({ workflowId: `broadcast/${stored.id}`, command });
  return stored;
}

type Held = { key: string; id: string };

const lockPeopleById = (tx: Db, ids: string[]): Promise<Held[]> =>
  tx
    .select({ key: people.key, id: people.id })
    .from(people)
    .where(sql`${people.id} = any(${sql.param(ids)}::text[])`)
    .orderBy(people.id)
    .for('no key update');

async function triggerPeople(
  tx: Db,
  request: Omit<NewRow, 'id' | 'selected'>,
  { named, locked }: { named: string[]; locked: Held[] },
): Promise<Stored | Extract<BroadcastResult, { type: 'unknownPeople' }> | undefined> {
  const known = new Set(locked.map((person) => person.id));
  const unknown = named.filter((id) => !known.has(id));
  if (unknown.length > 0) return { type: 'unknownPeople', people: unknown };
  const stored = await insertBroadcast(tx, {
    ...request,
    selected: locked.length,
    selectedAt: sql`statement_timestamp()`,
    endedAt: sql`statement_timestamp()`,
  });
  if (stored) {
    await addTriggers(
      tx,
      stored.id,
      locked.map((person) => person.key),
    );
  }
  return stored;
}

async function insertBroadcast(
  tx: Db,
  values: { [F in keyof Omit<NewRow, 'id'>]: NewRow[F] | SQL },
): Promise<Stored | undefined> {
  const [created] = await tx
    .insert(broadcasts)
    .values({ id: newId('brd'), ...values })
    .onConflictDoNothing({ target: [broadcasts.campaignId, broadcasts.requestId] })
    .returning({ id: broadcasts.id });
  return created && { type: 'stored', id: created.id };
}

/** Leaves an item of the broadcast for each of these people, whose rows are held. */
async function addTriggers(tx: Db, broadcast: string, keys: string[]): Promise<void> {
  await tx.execute(sql`
    with person as (
      update people set last_number = last_number + 1 where key = any(${sql.param(keys)}::text[]) returning key, last_number
    ), item as (
      insert into inbox (person_key, number, type, subject) select key, last_number, 'trigger', ${broadcast} from person
    )
    insert into waiting (person_key, lane, due_at) select key, 1, now() from person
    on conflict (person_key) do nothing`);
}

async function findRepeated(tx: Db, input: NewBroadcast): Promise<BroadcastResult | undefined> {
  if (input.requestId === undefined) return undefined;
  const [earlier] = await tx
    .select()
    .from(broadcasts)
    .where(and(eq(broadcasts.campaignId, input.campaign), eq(broadcasts.requestId, input.requestId)));
  if (!earlier) return undefined;
  return earlier.requestHash === input.requestHash ? { type: 'repeated', id: earlier.id } : { type: 'mismatch' };
}

export type BroadcastProgress = typeof broadcasts.$inferSelect & { counts: Record<string, number> };

export async function findBroadcast(db: Db, id: string): Promise<BroadcastProgress | undefined> {
  const [broadcast] = await db.select().from(broadcasts).where(eq(broadcasts.id, id));
  if (!broadcast) return undefined;
  const rows = await db
    .select({ outcome: outcomes.outcome, people: count() })
    .from(outcomes)
    .where(eq(outcomes.broadcastId, id))
    .groupBy(outcomes.outcome);
  return { ...broadcast, counts: Object.fromEntries(rows.map((row) => [row.outcome, row.people])) };
}

/**
 * Stops a running broadcast: it selects nobody any more, and takes back journeys that have not begun. Answers the broadcast's state
 * before; undefined where there is none.
 */
export async function stopBroadcast(
  db: Db,
  id: string,
  { wake }: { wake: boolean },
): Promise<BroadcastState | undefined> {
  return db.transaction(async (tx) => {
    const [before] = await tx.select().from(broadcasts).where(eq(broadcasts.id, id)).for('no key update');
    if (before?.state !== 'running') return before?.state;
    await setStopped(tx, id);
    if (wake) await wakeBroadcast(tx, id);
    return before.state;
  });
}

export async function setStopped(tx: Db, id: string): Promise<void> {
  await tx.update(broadcasts).set({ state: 'stopped' }).where(eq(broadcasts.id, id));
}

/**
 * Leaves a start for each broadcast that has been under way for a minute and has no command before it: one that Temporal has lost
 * begins again where it stood, and all others are there already.
 */
export async function restartBroadcasts(db: Db): Promise<void> {
  await db.execute(sql`
    insert into commands (workflow_id, command)
    select 'broadcast/' || id, jsonb_build_object('type', 'startBroadcast', 'broadcast', id) from broadcasts
    where ended_at is null and created_at < now() - interval '1 min'
      and not exists (select from commands where workflow_id = 'broadcast/' || broadcasts.id)`);
}

/** What it takes to start a broadcast's workflow. */
export async function readBroadcastStart(
  db: Db,
  id: string,
): Promise<{ campaign: string; version: number } | undefined> {
  const [row] = await db
    .select({ campaign: broadcasts.campaignId, version: broadcasts.version })
    .from(broadcasts)
    .where(and(eq(broadcasts.id, id), isNull(broadcasts.endedAt)));
  return row;
}

/** How many people have entered by a broadcast. */
export async function countEntered(db: Db, id: string): Promise<number> {
  const [row] = await db
    .select({ people: count() })
    .from(outcomes)
    .where(and(eq(outcomes.broadcastId, id), eq(outcomes.outcome, 'entered')));
  return row?.people ?? 0;
}

/** Those of these names that no segment has. */
export async function findUnknownSegments(db: Db, names: string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const rows = await db.execute<{ name: string }>(sql`
    select name from unnest(${sql.param(names)}::text[]) as name where not exists (select from segments where id = name)`);
  return rows.map(({ name }) => name);
}
