import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;
/** Journeys by what they wait for. */
const waiting: Record<string, string> = {};

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ retryFirstDelayMs: 3_600_000 }), startReceiver()]);
  receiver.on('/down', respond({ status: 503 }));
  const url = receiver.url('/down');
  const mapped = { response: { attributes: { seen: 'yes' } } };
  waiting['delay'] = await enter('delayed', { type: 'delay', id: 'pause', for: '1h' });
  waiting['approval'] = await enter('awaitingApproval', { type: 'webhook', id: 'ask', url, send: 'draft', ...mapped });
  waiting['retry'] = await enter('sending', { type: 'webhook', id: 'call', url });
  await enter('sending', { type: 'webhook', id: 'paced', url, rateLimit: '1/h' }, 'first');
  waiting['line'] = await enter('sending', { type: 'webhook', id: 'paced', url, rateLimit: '1/h' }, 'second');
  waiting['many'] = await enterMany('sending', { type: 'webhook', id: 'many', url });
});
afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Step = { id: string } & Record<string, unknown>;

/** Lets a person into a campaign of one step, and answers their journey when it waits there. */
async function enter(state: string, step: Step, person = step.id): Promise<string> {
  await hookline.publish(step.id, { trigger: { type: 'event', event: step.id }, steps: [step] });
  await hookline.api('POST', '/v1/events', { person, name: step.id });
  return journeyIn(state, person);
}

/** The same, by a broadcast. */
async function enterMany(state: string, step: Step): Promise<string> {
  await hookline.publish(step.id, { trigger: { type: 'manual' }, steps: [step] });
  await hookline.api('PUT', '/v1/people/anybody', { attributes: { isMany: true } });
  await hookline.api('POST', `/v1/campaigns/${step.id}/trigger`, { audience: { 'customer.isMany': true } });
  return journeyIn(state, 'anybody');
}

async function journeyIn(state: string, person: string): Promise<string> {
  const { id } = await eventually(async () => {
    const { body } = await hookline.api<{ data: { id: string }[] }>(
      'GET',
      `/v1/journeys?person=${person}&state=${state}`,
    );
    return body.data[0];
  });
  return id;
}

/** The queries that the page has, by what they look for. */
async function savedQueries(): Promise<Map<string, string>> {
  const page = await readFile(new URL('../../docs/temporal-ui.md', import.meta.url), 'utf8');
  const table = /^\| looking for[^]*?\n\n/m.exec(page)?.[0] ?? '';
  return new Map([...table.matchAll(/^\| (.+?) +\| `(.+)` *\|$/gm)].map(([, name = '', query = '']) => [name, query]));
}

const found = async (query: string) => {
  const ids: (string | undefined)[] = [];
  for await (const { workflowId } of hookline.client.workflow.list({
    query: `TaskQueue = '${hookline.taskQueue}' AND (${query})`,
  })) {
    ids.push(workflowId.split('/')[1]);
  }
  return ids;
};

/** Visibility comes a little later. */
const find = (query: string, id: string | undefined) =>
  eventually(async () => (await found(query)).includes(id) && found(query));

it('"whose webhook is under way, in line, or in a retry" finds these, and nothing that waits for a time or a person', async () => {
  const query = (await savedQueries()).get('whose webhook is under way, in line, or in a retry') ?? '';
  await find(query, waiting['line']);
  const ids = await find(query, waiting['retry']);
  expect(ids).toEqual(expect.arrayContaining([waiting['line'], waiting['retry'], waiting['many']]));
  for (const other of ['delay', 'approval']) expect(ids).not.toContain(waiting[other]);
});

it.each([
  ['who waits in a delay', 'delay'],
  ['what waits for approval', 'approval'],
])('"%s" finds what waits for that alone', async (name, kind) => {
  const query = (await savedQueries()).get(name) ?? '';
  const ids = await find(query, waiting[kind]);
  const others = Object.keys(waiting).filter((other) => other !== kind);
  for (const other of others) expect(ids).not.toContain(waiting[other]);
});

it.each([
  ['delay', { campaign: 'pause', person: 'pause' }],
  ['many', { campaign: 'many', person: 'anybody' }],
])(
  '"who is in a campaign", "all journeys of a person" and "one journey" find them by their ids: %s',
  async (kind, of) => {
    const queries = await savedQueries();
    const { body: person } = await hookline.api<{ key: string }>('GET', `/v1/people/${of.person}`);
    const filled = (name: string, id: string) => (queries.get(name) ?? '').replace(/'[^']*'/, `'${id}'`);
    for (const query of [
      filled('who is in a campaign', of.campaign),
      filled('all journeys of a person', person.key),
      filled('one journey', `journey/${waiting[kind]}/1`),
    ]) {
      // The workflow of the broadcast itself is found until it has ended.
      await expect.poll(() => found(query), { timeout: 10_000 }).toEqual([waiting[kind]]);
    }
  },
);

it('"what is stuck" and "what was ended by hand" are queries that the server takes, and find nobody here', async () => {
  const queries = await savedQueries();
  for (const name of ['what is stuck', 'what was ended by hand']) {
    expect(queries.get(name)).toBeDefined();
    expect(await found(queries.get(name) ?? '')).toEqual([]);
  }
});
