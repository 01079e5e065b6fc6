import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeCampaignState, publishVersion } from '../../db/campaigns.ts';
import { decideDrafts } from '../../db/drafts.ts';
import { erasePerson } from '../../db/erase-person.ts';
import { ingestEvents } from '../../db/events.ts';
import { exitJourneys } from '../../db/journey-exit.ts';
import type { Db } from '../../db/open.ts';
import { findPerson, putPerson } from '../../db/people.ts';
import { commands, journeys } from '../../db/schema/journeys.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { insertDeliveries } from '../support/deliveries.ts';
import { matcherOf } from '../support/matcher.ts';
import { tracesOf } from '../support/traces.ts';

let database: TestDatabase;
let db: Db;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ db } = database);
  const trigger = { type: 'event', event: 'met' };
  const { campaign } = validateCampaign({ trigger, steps: [{ type: 'delay', for: '1h' }] }, 'tour');
  await publishVersion(db, { ...campaign, id: 'tour' }, compilePlan(campaign));
  await changeCampaignState(db, 'tour', ['new'], 'live');
});
afterAll(() => database.close());

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const met = (person: string) => ({ person, name: 'met', data: {}, attributes: { met: true }, backfill: false });

describe('erasing a person', () => {
  it('leaves nothing of them, whatever is stored and matched at that moment, but a command for each workflow', async () => {
    const match = matcherOf(db);
    for (const round of range(25)) {
      const person = `met-${round}`;
      await ingestEvents(db, [met(person)]);
      const key = (await findPerson(db, person))?.key ?? '';
      const [erased] = await Promise.all([
        erasePerson(db, person),
        match(key),
        ingestEvents(db, [met(person), met(`other-${round}`)]),
        putPerson(db, person, { late: round }),
      ]);
      expect(erased).toBe(true);
      expect(await tracesOf(db, [key])).toEqual([]);
      const after = await findPerson(db, person);
      expect(after?.key).not.toBe(key);
    }
    const started = await db
      .select()
      .from(commands)
      .where(sql`command->>'type' = 'startJourney'`);
    const forgets = await db
      .select()
      .from(commands)
      .where(sql`command->>'type' = 'forget'`);
    expect(forgets.map(({ workflowId }) => workflowId).toSorted()).toEqual(
      started.map(({ workflowId }) => workflowId).toSorted(),
    );
    expect(await db.select().from(journeys)).toEqual([]);
  }, 60_000);

  it('locks nobody out who ends their journeys or decides their drafts', async () => {
    for (const round of range(10)) {
      const person = `held-${round}`;
      const ids = await insertDeliveries(db, { count: 40, state: 'drafted', campaign: person, person });
      const key = (await findPerson(db, person))?.key ?? '';
      const own = range(40).map((n) => `jrn_${person}_${String(n).padStart(2, '0')}`);
      await db.insert(journeys).values(
        own.map((id) => ({
          id,
          personKey: key,
          campaignId: 'tour',
          version: 1,
          cause: '',
          state: 'delayed' as const,
        })),
      );
      await db.execute(sql`
        update deliveries set journey_id = 'jrn_' || ${person} || '_' || lpad((right(id, 2)::int % 40)::text, 2, '0')
        where person_key = ${key}`);
      const decision = { by: null, decision: 'discard', reason: null, now: new Date() } as const;
      await Promise.all([
        decideDrafts(db, ids.toReversed(), decision),
        erasePerson(db, person),
        exitJourneys(db, own.toReversed(), { reason: 'over', by: null, now: new Date() }),
        decideDrafts(db, ids, decision),
      ]);
      expect(await tracesOf(db, [key])).toEqual([]);
    }
  }, 60_000);

  it('happens once, however often it is asked for at a time', async () => {
    await putPerson(db, 'twice', {});
    const answers = await Promise.all(range(5).map(() => erasePerson(db, 'twice')));
    expect(answers.filter((erased) => erased)).toHaveLength(1);
    expect(await db.select().from(journeys).where(eq(journeys.personKey, 'twice'))).toEqual([]);
  });
});
