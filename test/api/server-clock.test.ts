import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishVersion, changeCampaignState } from '../../db/campaigns.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { insertDeliveries } from '../support/deliveries.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

let database: TestDatabase;
let processes: Processes;

/** A server whose own clock is an hour fast. */
beforeAll(async () => {
  database = await createTestDatabase();
  processes = await prepareProcesses({ databaseUrl: database.url, env: { TEST_CLOCK_OFF_MS: String(HOUR_MS) } });
  await processes.startServer({}, ['./test/faults/shifted-clock.js']).ready;
});
afterAll(async () => {
  await processes.stop();
  await database.close();
});

/** Drafts whose time is over in half an hour. */
async function drafts(campaign: string, count: number): Promise<string[]> {
  const ids = await insertDeliveries(database.db, { count, state: 'drafted', campaign });
  await database.db.execute(sql`
    update deliveries set expires_at = now() + interval '30 min' where campaign_id = ${campaign}`);
  return ids;
}

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const msFromNow = (time: unknown) => Date.parse(String(time)) - Date.now();

it('a draft that has time left is decided, alone or among others, and dated right', async () => {
  const [alone = '', ...others] = await drafts('letters', 3);
  const decided = await processes.api('POST', `/v1/deliveries/${alone}/approve`);
  expect(decided).toMatchObject({ status: 200, body: { state: 'approved' } });
  const { decision } = decided.body as { decision: { at: string } };
  expect(Math.abs(msFromNow(decision.at))).toBeLessThan(MINUTE_MS);
  expect((await processes.api('POST', '/v1/deliveries/decide', { decision: 'discard', ids: others })).body).toEqual({
    decided: 2,
    refused: [],
  });
});

it('a draft that has time left may be edited: what is missing is what it was made from', async () => {
  const [id = ''] = await drafts('edited', 1);
  const answer = await processes.api('PATCH', `/v1/deliveries/${id}`, { webhook: { headers: { 'X-Team': 'care' } } });
  expect(answer).toMatchObject({ status: 409, body: { code: 'deliveries.step_gone' } });
});

it('a draft that is made expires when it should', async () => {
  await processes.api('PUT', '/v1/people/ada', { attributes: {} });
  await processes.api('PUT', '/v1/webhooks/greet', { url: 'http://127.0.0.1:9/', send: 'draft', draftExpiry: '30m' });
  const sent = await processes.api('POST', '/v1/webhooks/greet/send', { person: 'ada' });
  const { delivery } = sent.body as { delivery: { id: string } };
  const { expiresAt } = (await processes.api('GET', `/v1/deliveries/${delivery.id}`)).body as { expiresAt: string };
  expect(Math.abs(msFromNow(expiresAt) - 30 * MINUTE_MS)).toBeLessThan(MINUTE_MS);
});

it('what a pause took of a delivery is what it took by the clock of Postgres', async () => {
  const { campaign } = validateCampaign(
    { trigger: { type: 'event', event: 'go' }, steps: [{ type: 'webhook', id: 'tell', url: 'http://127.0.0.1:9/' }] },
    'paused',
  );
  await publishVersion(database.db, campaign, compilePlan(campaign));
  await changeCampaignState(database.db, 'paused', ['new'], 'live');
  await changeCampaignState(database.db, 'paused', ['live'], 'paused');
  const [id = ''] = await insertDeliveries(database.db, { count: 1, state: 'attempted', campaign: 'paused' });
  await database.db.execute(sql`
    update deliveries set first_attempt_at = now() - interval '45 min' where id = ${id}`);
  await database.db.execute(sql`
    insert into paused_deliveries (delivery_id, campaign_id, workflow_id, since)
    values (${id}, 'paused', 'journey/jrn_1/1', now() - interval '40 min')`);
  expect((await processes.api('POST', '/v1/campaigns/paused/resume')).status).toBe(200);
  const [row] = await database.db.execute<{ minutes: number }>(sql`
    select round(parked_ms / 60000.0)::int as minutes from deliveries where id = ${id}`);
  expect(row).toEqual({ minutes: 40 });
});

it('an attempt counts as lost when its time is over, and no earlier', async () => {
  const [id = ''] = await insertDeliveries(database.db, { count: 1, state: 'queued', campaign: 'attempted' });
  await database.db.execute(sql`
    insert into attempts (id, delivery_id, number, destination, in_flight_until, trigger, class, started_at)
    values ('att_1', ${id}, 1, 'https://a.example', now() + interval '30 s', 'automatic', 'started', now())`);
  const { body } = await processes.api('GET', `/v1/deliveries/${id}`);
  expect(body).toMatchObject({ attempts: [{ class: 'started', error: null }] });
});

it('an API key may be made and used until it expires', async () => {
  const body = { name: 'shop', scope: 'operate', expiresAt: inMs(30 * MINUTE_MS) };
  const made = await processes.api('POST', '/v1/keys', body);
  expect(made.status).toBe(201);
  const { key } = made.body as { key: string };
  const headers = { authorization: `Bearer ${key}` };
  expect((await fetch(`${processes.url}/v1/people/nobody`, { headers })).status).toBe(404);
});
