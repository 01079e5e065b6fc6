import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands, journeys } from '../../db/schema/journeys.ts';
import { attempts, deliveries } from '../../db/schema/deliveries.ts';
import { broadcasts } from '../../db/schema/campaigns.ts';
import { resends } from '../../db/schema/resends.ts';
import { sends } from '../../db/schema/webhooks.ts';
import { respond } from '../support/behaviours.ts';
import type { JourneyBody } from '../support/client.ts';
import { startDrafts, type Drafts } from '../support/drafts.ts';
import { eventually } from '../support/eventually.ts';
import { expectProblem } from '../support/problem.ts';
import { tracesOf } from '../support/traces.ts';

let drafts: Drafts;

beforeAll(async () => {
  drafts = await startDrafts();
});
afterAll(() => drafts.stop());

const db = () => drafts.hookline.database.db;
const api = <T = unknown>(method: string, path: string, body?: unknown) => drafts.hookline.api<T>(method, path, body);
const erase = (person: string) => api('DELETE', `/v1/people/${person}`);
const post = (person: string, name: string, more: object = {}) => api('POST', '/v1/events', { person, name, ...more });
const publish = (id: string, steps: object[]) =>
  drafts.hookline.publish(id, { trigger: { type: 'event', event: id }, steps });
const standing = (person: string, state: string) =>
  eventually(async () => {
    const { body } = await api<{ data: JourneyBody[] }>('GET', `/v1/journeys?person=${person}&limit=200`);
    return body.data.find((one) => one.state === state);
  });
/** Those with rows of a person, but what the relay takes away again at once. */
async function tablesOfPeople(): Promise<string[]> {
  const tables = await db().execute<{ name: string }>(sql`
    select table_name as name from information_schema.columns
    where table_schema = 'public' and column_name = 'person_key' and table_name not in ('inbox', 'waiting')`);
  return tables.map(({ name }) => name);
}
/** Once Temporal was told all that there is to tell. */
const told = () => eventually(async () => (await db().select().from(commands)).length === 0, 30_000);

/** Whatever Temporal still has of a workflow, in whichever run. */
async function historyOf(workflowId: string): Promise<string> {
  try {
    return JSON.stringify(await drafts.hookline.client.workflow.getHandle(workflowId).fetchHistory());
  } catch {
    return '';
  }
}
const forgotten = (workflowId: string) => eventually(async () => (await historyOf(workflowId)) === '', 60_000);

describe('DELETE /v1/people/:id', () => {
  it('leaves no trace of somebody in any table nor in Temporal, and the id is that of a new person', async () => {
    const id = 'mary-7f3a91';
    const values = ['Rue du Secret 12', 'mary-answered-55', 'mary-data-77', 'mary-event-31', 'asked by mary'];
    drafts.receiver.on('/mary', respond({ json: { lead: values[1] } }));
    const url = `${drafts.url.replace('/hook', '/mary')}?street={{ customer.street | url_encode }}`;
    const webhook = { type: 'webhook', id: 'tell', url, response: { attributes: { lead: '{{ response.lead }}' } } };
    await publish('told', [webhook, { type: 'delay', for: '1h' }]);
    await publish('done', [
      { type: 'branch', cases: [{ when: { 'customer.street': 'x' }, steps: [] }] },
      { type: 'split', id: 'test', variants: [{ name: 'all', percent: 100, steps: [] }] },
    ]);
    await drafts.hookline.publish('waits', {
      trigger: { type: 'event', event: 'waits' },
      goal: { event: 'reached', within: '7d' },
      steps: [{ type: 'wait', id: 'pay', event: 'paid' }],
    });
    await drafts.hookline.publish('due', {
      trigger: { type: 'date', attribute: 'due' },
      steps: [{ type: 'exit' }],
    });
    await api('PUT', '/v1/segments/streets', { condition: { 'customer.street': { exists: true } } });
    await drafts.publish('held', { response: { attributes: { lead: '{{ response.lead }}' } } });
    await drafts.publish('free');
    await drafts.hookline.publish('manual', { trigger: { type: 'manual' }, steps: [{ type: 'delay', for: '1h' }] });
    await api('PUT', '/v1/webhooks/note', { url: `${drafts.url}?x={{ trigger.note | url_encode }}` });

    await api('PUT', `/v1/people/${id}`, { attributes: { street: values[0], due: '2999-01-01' } });
    for (const name of ['told', 'done', 'waits']) await post(id, name, { data: { note: values[2] } });
    await drafts.enter('held', id);
    const free = await drafts.enter('free', id);
    await post(id, 'reached', { id: values[3] });
    await drafts.decide(free.id, 'approve', { reason: values[4] });
    await drafts.settled(free.id, 'sent');
    await api('POST', `/v1/deliveries/${free.id}/resend`, {});
    await api('POST', '/v1/webhooks/note/send', { person: id, data: { note: values[2] } });
    await api('POST', '/v1/campaigns/manual/trigger', { people: [id], data: { note: values[2] } });
    await standing(id, 'delayed');
    await standing(id, 'waiting');
    await eventually(async () => (await db().select().from(journeys)).length === 6);
    await eventually(async () => {
      const open = await db()
        .select()
        .from(resends)
        .where(sql`ended_at is null`);
      const unsent = await db()
        .select()
        .from(deliveries)
        .where(sql`state not in ('sent', 'drafted')`);
      return open.length + unsent.length === 0;
    });
    await told();

    const { body: person } = await api<{ key: string }>('GET', `/v1/people/${id}`);
    const hers = [id, person.key, ...values];
    const kept = await tablesOfPeople();
    expect(kept.length).toBeGreaterThan(10);
    await eventually(async () => (await tracesOf(db(), [person.key])).includes('conversions'));
    expect(await tracesOf(db(), [person.key])).toEqual(expect.arrayContaining(kept));

    const workflowIds = [
      ...(await db().select().from(journeys)).map((journey) => `journey/${journey.id}/1`),
      ...(await db().select().from(deliveries)).flatMap((one) => (one.journeyId ? [] : [`delivery/${one.id}`])),
      `delivery/${free.id}`,
      ...(await db().select().from(resends)).map((resend) => `resend/${resend.id}`),
    ];
    expect(workflowIds).toHaveLength(9);
    for (const workflowId of workflowIds) expect(await historyOf(workflowId)).toContain('events');
    expect(await tracesOf(db(), [id, ...values])).toEqual(
      expect.arrayContaining([
        ...['attempts', 'attribute_changes', 'broadcasts', 'conversions', 'deliveries', 'events', 'journey_log'],
        ...['people', 'sends'],
      ]),
    );

    expect(await erase(id)).toMatchObject({ status: 200, body: { id, deleted: true } });
    expect(await tracesOf(db(), hers)).toEqual([]);
    expectProblem(await erase(id), 404, 'people.not_found');
    await told();
    for (const workflowId of workflowIds) await forgotten(workflowId);
    expect(await db().select().from(sends)).toMatchObject([{ data: {} }]);
    expect(await db().select().from(broadcasts)).toMatchObject([{ data: {} }]);

    await post(id, 'done');
    await drafts.hookline.ended(id);
    const { body } = await api<{ data: { type: string }[] }>('GET', `/v1/people/${id}/timeline`);
    expect(body.data.map(({ type }) => type)).toEqual(['event', 'journey', 'journey']);
    expect(await drafts.hookline.attributes(id)).toEqual({});
    await erase(id);
  }, 90_000);

  it('keeps what others were sent or triggered with', async () => {
    await api('PUT', '/v1/webhooks/news', { url: drafts.url });
    for (const person of ['one', 'two']) await api('PUT', `/v1/people/${person}`, {});
    await api('POST', '/v1/webhooks/news/send', { people: ['one', 'two'], data: { issue: 7 } });
    await eventually(
      async () =>
        (
          await db()
            .select()
            .from(attempts)
            .where(sql`class = 'started'`)
        ).length === 0,
    );
    const send = async () => (await db().select().from(sends).where(eq(sends.webhookId, 'news')))[0]?.data;
    await erase('one');
    expect(await send()).toEqual({ issue: 7 });
    await erase('two');
    expect(await send()).toEqual({});
  });

  it('lets a request finish that is under way, and then forgets its workflow', async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    const reply = respond({ json: { lead: 1 } });
    drafts.receiver.on('/slow', (socket, request) => void answered.then(() => reply(socket, request)));
    const url = drafts.url.replace('/hook', '/slow');
    await publish('slow', [
      { type: 'webhook', id: 'ask', url, timeout: '30s', response: { attributes: { lead: '{{ response.lead }}' } } },
      { type: 'wait', id: 'never', event: 'never' },
    ]);
    await post('sol', 'slow');
    const journey = await standing('sol', 'sending');
    await eventually(async () => drafts.receiver.requests.some(({ url: path }) => path === '/slow'));
    await erase('sol');
    const isOwn = eq(commands.workflowId, `journey/${journey.id}/1`);
    const [left] = await db().select().from(commands).where(isOwn);
    expect(left).toMatchObject({ command: { type: 'forget' } });
    expect(left?.leasedUntil?.getTime()).toBeGreaterThan(Date.now() + 25_000);
    answer();
    const handle = drafts.hookline.client.workflow.getHandle(`journey/${journey.id}/1`);
    await handle.result();
    expect((await handle.describe()).status.name).toBe('COMPLETED');
    await db().update(commands).set({ leasedUntil: null });
    await told();
    await forgotten(`journey/${journey.id}/1`);
    expect(
      await db()
        .select()
        .from(attempts)
        .where(sql`class = 'started'`),
    ).toEqual([]);
    expectProblem(await api('GET', '/v1/people/sol'), 404, 'people.not_found');
  }, 90_000);

  it('has Temporal forget each run of a journey that was started again', async () => {
    const { client, taskQueue } = drafts.hookline;
    await drafts.hookline.publish('tour', {
      trigger: { type: 'event', event: 'tour' },
      steps: [{ type: 'delay', for: '1h' }],
    });
    await post('ren', 'tour');
    const journey = await standing('ren', 'delayed');
    await db().update(journeys).set({ run: 3 }).where(eq(journeys.id, journey.id));
    const workflowId = `journey/${journey.id}/2`;
    await client.workflow.start('journey', {
      workflowId,
      taskQueue,
      args: [{ journey: journey.id, planVersion: 99, plan: { steps: [] } }],
    });
    await erase('ren');
    await told();
    for (const run of [1, 2, 3]) await forgotten(`journey/${journey.id}/${run}`);
  }, 90_000);
});
