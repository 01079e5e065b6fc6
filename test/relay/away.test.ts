import { Client } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listWaitingPeople } from '../../db/inbox.ts';
import { commands } from '../../db/schema/journeys.ts';
import { carryCommands, TemporalAway } from '../../relay/carry.ts';
import { startServerThatAnswers } from '../support/answering-server.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { matcherOf } from '../support/matcher.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  const steps = [{ type: 'delay', for: '1h' }];
  await hookline.publish('tour', { trigger: { type: 'event', event: 'began' }, steps });
  await enter('ada');
});
afterAll(() => hookline.stop());

async function enter(person: string) {
  const { db } = hookline.database;
  await hookline.api('POST', '/v1/events', { person, name: 'began' });
  const match = matcherOf(db);
  for (const key of await listWaitingPeople(db, 10)) await match(key);
}

const refused: string[] = [];
const carryTo = (client: Client) =>
  carryCommands({
    db: hookline.database.db,
    client,
    taskQueue: hookline.taskQueue,
    withSearchAttributes: () => true,
    onRefused: (command) => refused.push(command.workflowId),
  });

async function expectUntouched() {
  const untouched = { tries: 0, error: null, leasedUntil: null };
  expect(await hookline.database.db.select().from(commands)).toMatchObject([untouched]);
  expect(refused).toEqual([]);
}

describe('a command that is not refused for itself', () => {
  it.each([
    [1, 'CANCELLED'],
    [2, 'UNKNOWN'],
    [5, 'NOT_FOUND'],
    [7, 'PERMISSION_DENIED'],
    [8, 'RESOURCE_EXHAUSTED'],
    [9, 'FAILED_PRECONDITION'],
    [12, 'UNIMPLEMENTED'],
    [13, 'INTERNAL'],
    [14, 'UNAVAILABLE'],
    [16, 'UNAUTHENTICATED'],
  ])('stays as it is, untried, when Temporal answers %d (%s)', async (code, _name) => {
    const server = await startServerThatAnswers(code);
    await expect(carryTo(server.client)).rejects.toThrow(TemporalAway);
    await expectUntouched();
    await server.close();
  });

  it('stays as it is while its namespace does not exist, and is carried when it does', async () => {
    const elsewhere = new Client({ connection: hookline.client.connection, namespace: 'nowhere' });
    await expect(carryTo(elsewhere)).rejects.toThrow(TemporalAway);
    await expectUntouched();
    expect(await carryTo(hookline.client)).toBe(1);
    expect(await hookline.database.db.select().from(commands)).toEqual([]);
  });
});

describe('a command that is refused for itself', () => {
  it.each([
    [3, 'WorkflowId length exceeds limit.'],
    [8, 'grpc: received message larger than max (5000000 vs. 4194304)'],
  ])('counts as tried, when Temporal answers %d: %s', async (code, message) => {
    await hookline.database.db.delete(commands);
    await enter(`refused-${code}`);
    const server = await startServerThatAnswers(code, { message });
    expect(await carryTo(server.client)).toBe(1);
    const refusal = { tries: 1, error: expect.stringContaining(message), leasedUntil: expect.any(Date) };
    expect(await hookline.database.db.select().from(commands)).toMatchObject([refusal]);
    await server.close();
  });

  it.each([
    [2, 'UNKNOWN'],
    [13, 'INTERNAL'],
  ])('counts as tried, when Temporal answers it %d (%s) and takes others', async (code, _name) => {
    const { unlucky, server } = await oneOfTwoFails(code);
    expect(await carryTo(server.client)).toBe(2);
    const left = { workflowId: unlucky, tries: 1, error: expect.any(String), leasedUntil: expect.any(Date) };
    expect(await hookline.database.db.select().from(commands)).toMatchObject([left]);
    await server.close();
  });

  it.each([
    [1, 'resetting its streams'],
    [4, 'slow'],
    [8, 'asked too much'],
    [14, 'away'],
  ])('is carried later, untried, when Temporal answers it %d: a part of it is %s', async (code, _what) => {
    const { unlucky, server } = await oneOfTwoFails(code);
    await expect(carryTo(server.client)).rejects.toThrow(TemporalAway);
    const left = { workflowId: unlucky, tries: 0, error: null, leasedUntil: null };
    expect(await hookline.database.db.select().from(commands)).toMatchObject([left]);
    await server.close();
  });

  it('is carried later, untried, when nothing else was taken, but only forgotten', async () => {
    await hookline.database.db.delete(commands);
    await enter('alone');
    await hookline.database.db.insert(commands).values({ workflowId: 'journey/gone/1', command: { type: 'forget' } });
    const server = await startServerThatAnswers(5);
    await expect(carryTo(server.client)).rejects.toThrow(TemporalAway);
    const left = { tries: 0, error: null, leasedUntil: null };
    expect(await hookline.database.db.select().from(commands)).toMatchObject([left]);
    await server.close();
  });

  async function oneOfTwoFails(code: number) {
    await hookline.database.db.delete(commands);
    for (const person of ['unlucky', 'lucky']) await enter(`${person}-${code}`);
    const [first] = await hookline.database.db.select().from(commands).orderBy(commands.id);
    const unlucky = first?.workflowId ?? '';
    return { unlucky, server: await startServerThatAnswers(code, { only: unlucky }) };
  }
});
