import { count, eq, sql } from 'drizzle-orm';
import type { Segment } from '../domain/segment/segment.ts';
import { isSame } from './campaigns.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { segmentMembers, segments } from './schema/segments.ts';
import { endSweep, startSweep, unfinished } from './sweeps.ts';

export type SegmentRow = typeof segments.$inferSelect;
export type SegmentState = 'filling' | 'ready';

/** All segments by what they ask. */
export function listDefinitions(db: Db): Promise<SegmentRow[]> {
  return db.select().from(segments).orderBy(segments.id);
}

export async function findDefinition(db: Db, id: string): Promise<SegmentRow | undefined> {
  const [segment] = await db.select().from(segments).where(eq(segments.id, id));
  return segment;
}

export async function listSegmentIds(db: Db): Promise<string[]> {
  const rows = await db.select({ id: segments.id }).from(segments).orderBy(segments.id);
  return rows.map(({ id }) => id);
}

export async function findSegment(
  db: Db,
  id: string,
): Promise<(SegmentRow & { state: SegmentState; people: number }) | undefined> {
  const segment = await findDefinition(db, id);
  if (!segment) return undefined;
  // First, so that who is counted of one that is ready is everybody.
  const state = await stateOf(db, id);
  const [members] = await db.select({ people: count() }).from(segmentMembers).where(eq(segmentMembers.segmentId, id));
  return { ...segment, state, people: members?.people ?? 0 };
}

/** A page of segments in the order of their ids. */
export async function listSegments(db: Db, page: PageRequest): Promise<Page<SegmentRow & { state: SegmentState }>> {
  const query = pageQuery(page, segments.id, segments.createdAt, []);
  const rows = await db.select().from(segments).where(query.where).orderBy(query.orderBy).limit(query.limit);
  const { data, nextCursor } = pageOf(rows, page.limit);
  const filling = await unfinished(
    db,
    'fillSegment',
    data.map(({ id }) => id),
  );
  return { data: data.map((row) => ({ ...row, state: filling.includes(row.id) ? 'filling' : 'ready' })), nextCursor };
}

/** A valid definition, and whether time alone may change who belongs to it. */
export type NewSegment = Segment & { timed: boolean };

/**
 * Stores the definition that `validate` makes of what there is, and begins to go through everybody for it: silently, as nobody was known
 * to belong to it before, or until that is through. The condition that is there already changes nothing. Definitions take turns, so that
 * no two of them lead to each other.
 */
export async function putSegment(
  db: Db,
  id: string,
  validate: (known: SegmentRow[]) => NewSegment,
): Promise<{ version: number; state: SegmentState }> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`lock table segments in share row exclusive mode`);
    const known = await listDefinitions(tx);
    const { name = null, condition, timed } = validate(known);
    const stored = known.find((segment) => segment.id === id);
    const isStored = stored !== undefined && isSame(stored.condition, condition);
    const version = nextVersion(stored, isStored);
    if (isStored && stored.name === name) return { version, state: await stateOf(tx, id) };
    await tx
      .insert(segments)
      .values({ id, name, version, condition })
      .onConflictDoUpdate({
        target: segments.id,
        set: { name, version, condition, updatedAt: sql`clock_timestamp()` },
      });
    if (isStored) return { version, state: await stateOf(tx, id) };
    await startSweep(tx, 'fillSegment', id, { silent: stored === undefined });
    await (timed ? startSweep : endSweep)(tx, 'recheckSegment', id);
    return { version, state: 'filling' };
  });
}

/** The version and state that storing a definition would lead to. */
export async function wouldPutSegment(
  db: Db,
  id: string,
  validate: (known: SegmentRow[]) => NewSegment,
): Promise<{ version: number; state: SegmentState }> {
  const known = await listDefinitions(db);
  const { condition } = validate(known);
  const stored = known.find((segment) => segment.id === id);
  const isStored = stored !== undefined && isSame(stored.condition, condition);
  return { version: nextVersion(stored, isStored), state: isStored ? await stateOf(db, id) : 'filling' };
}

const nextVersion = (stored: SegmentRow | undefined, isStored: boolean): number =>
  stored ? stored.version + (isStored ? 0 : 1) : 1;

async function stateOf(db: Db, id: string): Promise<SegmentState> {
  return (await unfinished(db, 'fillSegment', [id])).length > 0 ? 'filling' : 'ready';
}

/** What may name a segment: a campaign's version that people are in or may enter, an audience, or another segment. */
export type SegmentUser = { where: string } & (
  | { campaign: object }
  | { at: 'audience' | 'condition'; condition: object }
);

/**
 * Deletes a segment that nothing names, with its members. It waits for what is being published, and what comes later waits for it.
 * `throwIfUsed` gets everything that may name it. Answers whether it was there.
 */
export async function deleteSegment(db: Db, id: string, throwIfUsed: (users: SegmentUser[]) => void): Promise<boolean> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`lock table segments in share row exclusive mode`);
    // First: a page that is under way holds its sweep, and then the segment.
    await endSweep(tx, 'fillSegment', id);
    await endSweep(tx, 'recheckSegment', id);
    const [segment] = await tx.select().from(segments).where(eq(segments.id, id)).for('update');
    if (!segment) return false;
    throwIfUsed(await listUsers(tx, id));
    await tx.delete(segments).where(eq(segments.id, id));
    return true;
  });
}

async function listUsers(tx: Db, id: string): Promise<SegmentUser[]> {
  const mentions = `%${JSON.stringify(id)}%`;
  const isOf = sql`campaign_id = v.campaign_id and version = v.version`;
  const versions = await tx.execute<{ campaign: string; version: number; definition: object }>(sql`
    select campaign_id as campaign, version,
      case when walked then definition else json_build_object('goal', definition -> 'goal') end as definition
    from (
      -- Named people are let in by the version that was live when they were named.
      select v.*, v.version = campaigns.version
        or exists (select from journeys where ended_at is null and ${isOf})
        or exists (select from broadcasts where ended_at is null and ${isOf})
        or exists (select from broadcasts join inbox on type = 'trigger' and subject = broadcasts.id where ${isOf}) as walked
      from campaign_versions as v join campaigns on campaigns.id = v.campaign_id
      where v.definition::text like ${mentions}
    ) as v
    -- An ended journey may still reach its goal, by an event that may be a day old when it comes.
    where walked or (definition -> 'goal')::text like ${mentions} and exists (
      select from journeys
      where goal_until > now() - interval '24 hours' and ${isOf}
        and not exists (select from conversions where journey_id = journeys.id))
    order by campaign_id, version`);
  const audiences = await tx.execute<{ id: string; audience: object }>(sql`
    select id, audience from broadcasts where ended_at is null and audience::text like ${mentions} order by id`);
  const others = await listDefinitions(tx);
  return [
    ...versions.map(({ campaign, version, definition }) => ({
      where: `campaigns/${campaign}/versions/${version}`,
      campaign: definition,
    })),
    ...audiences.map((row) => ({ where: `broadcasts/${row.id}`, at: 'audience' as const, condition: row.audience })),
    ...others
      .filter((other) => other.id !== id)
      .map((other) => ({ where: `segments/${other.id}`, at: 'condition' as const, condition: other.condition })),
  ];
}
