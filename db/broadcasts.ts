import { and, count, eq, sql } from 'drizzle-orm';
import type { Campaign } from '../domain/campaign/campaign.ts';
import type { Json } from '../domain/json.ts';
import { findVersion } from './campaigns.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { broadcasts, campaigns, outcomes, type CampaignState } from './schema/campaigns.ts';
import { people } from './schema/people.ts';

export type NewBroadcast = {
  campaign: string;
  people: string[];
  data: Record<string, Json>;
  requestId?: string | undefined;
  requestHash: string;
};

export type BroadcastResult =
  | { type: 'stored' | 'repeated'; id: string }
  | { type: 'mismatch' | 'noCampaign' }
  | { type: 'notManual'; trigger: Campaign['trigger']['type'] }
  | { type: 'notLive'; state: CampaignState }
  | { type: 'unknownPeople'; people: string[] };

/**
 * Stores a manual start of a live campaign and leaves one item per person for the relay, all or none. The same `requestId`
 * answers the first broadcast, whatever has changed since, and `mismatch` if it comes with another body. People are locked in
 * the order of their ids.
 */
export async function createBroadcast(db: Db, input: NewBroadcast): Promise<BroadcastResult> {
  return db.transaction(async (tx): Promise<BroadcastResult> => {
    const [campaign] = await tx.select().from(campaigns).where(eq(campaigns.id, input.campaign)).for('share');
    if (!campaign) return { type: 'noCampaign' };
    const earlier = await findRepeated(tx, input);
    if (earlier) return earlier;
    const definition = await findVersion(tx, campaign.id, campaign.version);
    if (definition && definition.trigger.type !== 'manual')
      return { type: 'notManual', trigger: definition.trigger.type };
    if (campaign.state !== 'live') return { type: 'notLive', state: campaign.state };
    const locked = await tx
      .select({ key: people.key, id: people.id })
      .from(people)
      .where(sql`${people.id} = any(${sql.param(input.people)}::text[])`)
      .orderBy(people.id)
      .for('no key update');
    const known = new Set(locked.map((person) => person.id));
    const unknown = input.people.filter((id) => !known.has(id));
    if (unknown.length > 0) return { type: 'unknownPeople', people: unknown };

    const id = newId('brd');
    const [created] = await tx
      .insert(broadcasts)
      .values({
        id,
        campaignId: campaign.id,
        version: campaign.version,
        requestId: input.requestId ?? null,
        requestHash: input.requestHash,
        data: input.data,
        selected: locked.length,
      })
      .onConflictDoNothing({ target: [broadcasts.campaignId, broadcasts.requestId] })
      .returning();
    if (!created) {
      const other = await findRepeated(tx, input);
      if (!other) throw new Error('a broadcast vanished while it was repeated');
      return other;
    }
    await addTriggers(
      tx,
      id,
      locked.map((person) => person.key),
    );
    return { type: 'stored', id };
  });
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
    .where(eq(outcomes.cause, `broadcast/${id}`))
    .groupBy(outcomes.outcome);
  return { ...broadcast, counts: Object.fromEntries(rows.map((row) => [row.outcome, row.people])) };
}
