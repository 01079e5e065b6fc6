import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { claimCommands } from '../../db/commands.ts';
import { listWaitingPeople } from '../../db/inbox.ts';
import { startUnseenSendings } from '../../db/lost.ts';
import { noteNamespace } from '../../db/namespaces.ts';
import type { Db } from '../../db/open.ts';
import { parked } from '../../db/schema/destinations.ts';
import { commands, journeys } from '../../db/schema/journeys.ts';
import { startUnseen } from '../../db/stuck.ts';
import { carryCommands } from '../../relay/carry.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { matcherOf } from '../support/matcher.ts';
import { oldRows } from '../support/old-rows.ts';

let hookline: Hookline;
let db: Db;
let refused: string[];

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  ({ db } = hookline.database);
  const steps = [{ type: 'delay', for: '1h' }];
  await hookline.publish('tour', { trigger: { type: 'event', event: 'began' }, steps });
});
afterAll(() => hookline.stop());
beforeEach(async () => {
  refused = [];
  await db.delete(commands);
});

/** A journey that its person has entered, and whose command waits to be carried. */
async function enter(person: string): Promise<{ journey: string; workflowId: string }> {
  await hookline.api('POST', '/v1/events', { person, name: 'began' });
  const match = matcherOf(db);
  for (const key of await listWaitingPeople(db, 10)) await match(key);
  const row = (await waiting()).at(-1);
  if (row?.command.type !== 'startJourney') throw new Error('nobody entered');
  return { journey: row.command.journey, workflowId: row.workflowId };
}

const carry = () =>
  carryCommands({
    db,
    client: hookline.client,
    taskQueue: hookline.taskQueue,
    withSearchAttributes: () => true,
    onRefused: (command) => refused.push(command.workflowId),
  });

const statusOf = async (workflowId: string) =>
  (await hookline.client.workflow.getHandle(workflowId).describe()).status.name;

const waiting = () => db.select().from(commands).orderBy(commands.id);

describe('a command', () => {
  it('is carried by another relay when the lease of one that died is over', async () => {
    const { workflowId } = await enter('ada');
    expect(await claimCommands(db, 10, 300)).toHaveLength(1);
    expect(await carry()).toBe(0);
    await eventually(async () => (await carry()) === 1);
    expect(await statusOf(workflowId)).toBe('RUNNING');
    expect(await waiting()).toEqual([]);
  });

  it('counts as done when Temporal has it already, running or ended', async () => {
    const { journey, workflowId } = await enter('eve');
    await carry();
    const again = { workflowId, command: { type: 'startJourney', journey } as const };
    await db.insert(commands).values(again);
    expect(await carry()).toBe(1);

    await hookline.client.workflow.getHandle(workflowId).terminate();
    await db.insert(commands).values(again);
    expect(await carry()).toBe(1);
    expect(await statusOf(workflowId)).toBe('TERMINATED');
    expect({ left: await waiting(), refused }).toEqual({ left: [], refused: [] });
  });

  it('that wakes a workflow which is gone is done if its journey has ended, otherwise it is refused and stays', async () => {
    const { journey, workflowId } = await enter('lost');
    await db.delete(commands);
    const wake = { workflowId, command: { type: 'wake', subject: 'dlv_1' } as const };
    await db.insert(commands).values(wake);
    expect(await carry()).toBe(1);
    expect(refused).toEqual([workflowId]);
    expect(await waiting()).toMatchObject([{ workflowId, tries: 1 }]);

    await db.update(journeys).set({ endedAt: new Date() }).where(eq(journeys.id, journey));
    await db.update(commands).set({ leasedUntil: null });
    expect(await carry()).toBe(1);
    expect(await waiting()).toEqual([]);
  });

  it('that wakes what has ended takes its delivery out of the line, but for one that another workflow is still to send', async () => {
    const rows = oldRows(db, new Date());
    await rows.person('per_liz');
    const standInLine = async (name: string, ended: number | null, run: number, state: 'cancelled' | 'queued') => {
      const person = 'per_liz';
      const journeyId = await rows.journey(name, { began: 1, ended, run, person });
      const deliveryId = await rows.delivery(name, { made: 1, changed: 0, state, journeyId, person });
      const workflowId = `journey/${journeyId}/1`;
      const place = { destination: 'https://a.example', reason: 'slot', since: new Date() } as const;
      await db.insert(parked).values({ deliveryId, workflowId, ...place });
      await db.insert(commands).values({ workflowId, command: { type: 'wake', subject: deliveryId } });
      return workflowId;
    };
    await standInLine('over', 0, 1, 'cancelled');
    const restarted = await standInLine('restarted', null, 2, 'queued');
    expect(await carry()).toBe(2);
    expect({ left: await waiting(), refused }).toEqual({ left: [], refused: [] });
    expect(await db.select().from(parked)).toMatchObject([{ workflowId: restarted }]);
  });

  it('that wakes a workflow which is gone is done where a start that did not see it waits behind it', async () => {
    const rows = oldRows(db, new Date());
    await rows.person('per_una');
    const delivery = await rows.delivery('una', { made: 1, changed: 0, state: 'approved', person: 'per_una' });
    const workflows = [(await enter('una-too')).workflowId, `delivery/${delivery}`];
    await db.delete(commands);
    for (const namespace of ['before', 'after']) await noteNamespace(db, namespace);
    await db.transaction(async (tx) => {
      const command = { type: 'wake', subject: delivery } as const;
      await tx.insert(commands).values(workflows.map((workflowId) => ({ workflowId, command })));
      await startUnseen(db, { now: new Date(), limit: 100 });
      await startUnseenSendings(db, 'delivery', { now: new Date(), limit: 100 });
    });
    for (const workflowId of workflows)
      expect((await waiting()).filter((command) => command.workflowId === workflowId)).toHaveLength(2);
    for (let times = 0; times < 2; times += 1) await carry();
    expect({ left: await waiting(), refused }).toEqual({ left: [], refused: [] });
    expect(await Promise.all(workflows.map(statusOf))).toEqual(['RUNNING', 'RUNNING']);
  });

  it('of a journey that was erased with its person is done', async () => {
    await db
      .insert(commands)
      .values({ workflowId: 'journey/jrn_gone/1', command: { type: 'startJourney', journey: 'jrn_gone' } });
    expect(await carry()).toBe(1);
    expect(await waiting()).toEqual([]);
  });

  it('that Temporal refuses is counted and tried again, at last every ten minutes, and holds up nobody else', async () => {
    const { journey: entered } = await enter('odd');
    await db.delete(commands);
    // Longer than Temporal takes.
    const journey = 'x'.repeat(1_000);
    await db.update(journeys).set({ id: journey }).where(eq(journeys.id, entered));
    const tooLong = `journey/${journey}/1`;
    const command = { type: 'startJourney', journey } as const;
    await db.insert(commands).values([
      { workflowId: tooLong, command },
      { workflowId: tooLong, command },
    ]);
    const { workflowId } = await enter('even');
    await carry();

    expect(await statusOf(workflowId)).toBe('RUNNING');
    expect(refused).toEqual([tooLong]);
    const [first, second, ...others] = await waiting();
    expect(others).toEqual([]);
    expect(first).toMatchObject({ tries: 1, error: expect.stringMatching(/INVALID_ARGUMENT: WorkflowId exceeds/) });
    expect(second).toMatchObject({ tries: 0, error: null, leasedUntil: null });
    expect(await carry()).toBe(0);

    const pauses: number[] = [];
    for (let tries = 2; tries <= 12; tries += 1) {
      await db.update(commands).set({ leasedUntil: null });
      expect(await carry()).toBe(1);
      const [row] = await db
        .select({ tries: commands.tries, seconds: sql<number>`extract(epoch from leased_until - now())::int` })
        .from(commands)
        .limit(1)
        .orderBy(commands.id);
      expect(row?.tries).toBe(tries);
      pauses.push(row?.seconds ?? 0);
    }
    const expected = [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600];
    expect(pauses.map((seconds, index) => seconds / (expected[index] ?? 0))).toEqual(
      pauses.map(() => expect.closeTo(1, 0)),
    );
    await db.update(commands).set({ tries: 1_000_000, leasedUntil: null });
    expect(await carry()).toBe(1);
    expect(await waiting()).toMatchObject([{ tries: 1_000_001 }, { tries: 1_000_000 }]);
    await enter('late');
    expect(await carry()).toBe(1);
  });

  it('of an event goes before those of a broadcast, however many these are', async () => {
    const command = { type: 'startJourney', journey: 'jrn_none' } as const;
    await db.insert(commands).values([
      { workflowId: 'broadcast-1', command, lane: 1 },
      { workflowId: 'broadcast-2', command, lane: 1 },
      { workflowId: 'event-1', command, lane: 0 },
    ]);
    expect((await claimCommands(db, 1, 30_000)).map((claimed) => claimed.workflowId)).toEqual(['event-1']);
    expect((await claimCommands(db, 1, 30_000)).map((claimed) => claimed.workflowId)).toEqual(['broadcast-1']);
  });

  it('is carried also after two thousand million others', async () => {
    await db.execute(sql`alter table commands alter column id restart with 3000000000`);
    const { workflowId } = await enter('much-later');
    expect(await carry()).toBe(1);
    expect(await statusOf(workflowId)).toBe('RUNNING');
    expect(await waiting()).toEqual([]);
  });
});
