import { asc, eq } from 'drizzle-orm';
import { changeCampaignState, publishVersion } from '../../db/campaigns.ts';
import { ingestEvents, type NewEvent } from '../../db/events.ts';
import { putPerson } from '../../db/people.ts';
import { outcomes } from '../../db/schema/campaigns.ts';
import { people } from '../../db/schema/people.ts';
import { segmentMembers } from '../../db/schema/segments.ts';
import { putSegment } from '../../db/segments.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import type { Json } from '../../domain/json.ts';
import { compileSegment } from '../../domain/segment/compiled-segment.ts';
import { validateSegment } from '../../domain/segment/segment.ts';
import { createTestDatabase } from './database.ts';
import { relaysOf } from './relays.ts';

/** Segments on a database, with relays at the test's word. */
export async function startSegments() {
  const database = await createTestDatabase();
  const { db } = database;
  const clock = { now: new Date() };
  const test = {
    db,
    clock,
    relays: relaysOf(db, clock),
    close: database.close,
    /** Forgets everything, and all relays with it. */
    async clear() {
      clock.now = new Date();
      test.relays = relaysOf(db, clock);
      await database.clear();
    },
    put: (id: string, condition: Json) =>
      putSegment(db, id, (known) => {
        const segment = validateSegment({ condition }, id, known);
        return { ...segment, timed: compileSegment(segment.condition).timed };
      }),
    set: (person: string, attributes: Record<string, Json>) => putPerson(db, person, attributes),
    did: (person: string, name: string, rest: Partial<Pick<NewEvent, 'data' | 'attributes' | 'backfill'>> = {}) =>
      ingestEvents(db, [{ person, name, data: {}, backfill: false, ...rest }]),
    /** Publishes and starts a campaign for those who enter, or leave, a segment. */
    greet: (id: string, segment: string, change: 'enter' | 'leave') =>
      test.makeLive(id, { trigger: { type: 'segment', segment, change } }),
    /** Publishes and starts a campaign that people may enter again and again. */
    async makeLive(id: string, fields: object) {
      const entry = { frequency: 'everyTime', maxConcurrent: 100 };
      const { campaign, plan } = validateCampaign({ entry, steps: [{ type: 'delay', for: '1h' }], ...fields }, id);
      await publishVersion(db, { ...campaign, id }, plan);
      await changeCampaignState(db, id, ['new'], 'live');
    },
    async members(segment: string): Promise<string[]> {
      const rows = await db
        .select({ id: people.id })
        .from(segmentMembers)
        .innerJoin(people, eq(people.key, segmentMembers.personKey))
        .where(eq(segmentMembers.segmentId, segment))
        .orderBy(asc(people.id));
      return rows.map(({ id }) => id);
    },
    /** What was decided, in order: `ada greet segment/gold/enter/3 entered`. */
    async decided(): Promise<string[]> {
      const rows = await db
        .select({ person: people.id, campaign: outcomes.campaignId, cause: outcomes.cause, outcome: outcomes.outcome })
        .from(outcomes)
        .innerJoin(people, eq(people.key, outcomes.personKey))
        .orderBy(asc(outcomes.at), asc(outcomes.journeyId));
      return rows.map(({ person, campaign, cause, outcome }) => `${person} ${campaign} ${cause} ${outcome}`);
    },
  };
  return test;
}

export type TestSegments = Awaited<ReturnType<typeof startSegments>>;
