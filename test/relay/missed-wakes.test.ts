import { eq } from 'drizzle-orm';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeCampaignState } from '../../db/campaigns.ts';
import { decideDrafts } from '../../db/drafts.ts';
import type { Db } from '../../db/open.ts';
import { pausedDeliveries } from '../../db/schema/destinations.ts';
import { commands, journeys } from '../../db/schema/journeys.ts';
import { closeWait } from '../../db/waits.ts';
import { readNamespaceId } from '../../relay/namespace-id.ts';
import { createWatch } from '../../relay/watch.ts';
import { searchAttributes } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

type Listed = { data: { id: string; state: string }[] };

let hookline: Hookline;
let receiver: Receiver;
let db: Db;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
  ({ db } = hookline.database);
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

const publish = (id: string, steps: object[]) => hookline.publish(id, { trigger: { type: 'event', event: id }, steps });

/** A watch of our own beside that of the relay. */
const watch = () =>
  createWatch({
    ...{ db, client: hookline.client, taskQueue: hookline.taskQueue, log: pino({ level: 'silent' }) },
    now: () => new Date(),
    random: () => 0,
    onRestart: () => {},
    namespaceId: () => readNamespaceId(hookline.client),
    onNewNamespace: async () => true,
    signal: new AbortController().signal,
  });

/** Lets a person in, and answers their journey once it is in this state. */
async function enter(campaign: string, state: string): Promise<string> {
  await hookline.api('POST', '/v1/events', { person: campaign, name: campaign });
  const { id } = await eventually(async () => {
    const { body } = await hookline.api<Listed>('GET', `/v1/journeys?person=${campaign}&state=${state}`);
    return body.data[0];
  });
  return id;
}

/** Who is at a step by the word of their workflow, too. */
async function enterUntil(campaign: string, state: string, step: string): Promise<string> {
  const id = await enter(campaign, state);
  await eventually(async () => {
    const { typedSearchAttributes } = await workflow(id).describe();
    return typedSearchAttributes.get(searchAttributes.step) === step;
  });
  return id;
}
const workflow = (id: string) => hookline.client.workflow.getHandle(`journey/${id}/1`);
const deliveryOf = async (person: string) => {
  const { body } = await hookline.api<Listed>('GET', `/v1/deliveries?person=${person}`);
  return body.data[0] ?? { id: '', state: '' };
};

/** Decides something of which no workflow is told. */
const decideUnheard = (decide: (tx: Db) => Promise<unknown>) =>
  db.transaction(async (tx) => {
    await decide(tx);
    await tx.delete(commands);
  });
const lookUntil = (isReached: () => Promise<boolean>) => {
  const look = watch();
  return eventually(async () => {
    await look();
    return isReached();
  });
};
/** As if nothing had moved it since. */
const standing = (id: string, row: Partial<typeof journeys.$inferInsert> = {}) =>
  db
    .update(journeys)
    .set({ updatedAt: new Date(0), checkedAt: null, ...row })
    .where(eq(journeys.id, id));
const isCompleted = (id: string) => async () =>
  (await hookline.api<{ state: string }>('GET', `/v1/journeys/${id}`)).body.state === 'completed';

describe('a workflow that runs, and has missed the signal that it waits for', () => {
  it.each([
    { person: 'approved', row: {} },
    {
      person: 'far-behind',
      row: { state: 'delayed', stepId: 'rest', stepType: 'delay', stepUntil: new Date(0) } as const,
    },
  ])('is woken again after an approval, and sends once: $person', async ({ person, row }) => {
    const url = receiver.url(`/${person}`);
    await publish(person, [
      { type: 'webhook', id: 'ask', url, send: 'draft', response: { attributes: { seen: 'yes' } } },
      { type: 'delay', id: 'rest', for: '1s' },
    ]);
    const id = await enterUntil(person, 'awaitingApproval', 'ask');
    const draft = await deliveryOf(person);
    const by = { key: 'admin', actor: null };
    await decideUnheard((tx) =>
      decideDrafts(tx, [draft.id], { by, decision: 'approve', reason: null, now: new Date() }),
    );
    await standing(id, row);
    await lookUntil(isCompleted(id));
    expect(receiver.requests.filter(({ url: sentTo }) => sentTo === `/${person}`)).toHaveLength(1);
  });

  it('is woken again after the event that ended its wait, and not before', async () => {
    await publish('patient', [
      { type: 'webhook', id: 'tell', url: receiver.url('/patient') },
      { type: 'wait', id: 'pay', event: 'paid' },
    ]);
    const id = await enterUntil('patient', 'waiting', 'pay');
    const signals = async () => {
      const { events } = await workflow(id).fetchHistory();
      return events?.filter((event) => event.workflowExecutionSignaledEventAttributes).length;
    };
    await standing(id);
    await lookUntil(async () => {
      const [journey] = await db.select().from(journeys).where(eq(journeys.id, id));
      return journey?.checkedAt !== null;
    });
    expect(await db.select().from(commands)).toEqual([]);
    expect(await signals()).toBe(0);

    const end = { outcome: 'event', eventId: null, position: 9, log: { what: 'received', details: {} } } as const;
    await decideUnheard((tx) => closeWait(tx, { journeyId: id, stepId: 'pay' }, end, { wake: false }));
    await standing(id);
    await lookUntil(isCompleted(id));
    expect(await signals()).toBe(1);
  });

  it('is woken again after its campaign was resumed, as the workflow of a delivery and of a resend', async () => {
    await publish('later', [{ type: 'webhook', id: 'tell', url: receiver.url('/later'), send: 'draft' }]);
    await enter('later', 'completed');
    const { id } = await deliveryOf('later');
    for (const [count, action] of ['approve', 'resend'].entries()) {
      await hookline.api('POST', '/v1/campaigns/later/pause');
      await hookline.api('POST', `/v1/deliveries/${id}/${action}`);
      await eventually(async () => (await db.select().from(pausedDeliveries)).length === 1);
      await decideUnheard(async (tx) => {
        await tx.delete(pausedDeliveries);
        await changeCampaignState(tx, 'later', ['paused'], 'live');
      });
      await lookUntil(async () => receiver.requests.filter(({ url }) => url === '/later').length === count + 1);
      await eventually(async () => (await deliveryOf('later')).state === 'sent');
    }
  });
});
