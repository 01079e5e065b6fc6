import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '@temporalio/client';
import { carryCommands } from '../../relay/carry.ts';
import { startServerThatAnswers } from '../support/answering-server.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  await hookline.api('PUT', '/v1/people/ada', { attributes: { plan: 'gold' } });
  await hookline.api('PUT', '/v1/webhooks/sms', { url: 'https://example.com/' });
});
afterAll(() => hookline.stop());

/** Has a relay tell Temporal, or a server in its place, all that it has still to be told. */
async function carryTo(client: Client) {
  const { db } = hookline.database;
  await db.execute(sql`update commands set leased_until = null`);
  await carryCommands({
    db,
    client,
    taskQueue: hookline.taskQueue,
    withSearchAttributes: () => true,
    onRefused: () => {},
  });
}

async function refuse() {
  const server = await startServerThatAnswers(3, { message: 'not this one' });
  await carryTo(server.client);
  await server.close();
}

type Shown = { id: string; state: string; error: { code: string; message: string } | null };
const get = async <T>(path: string) => (await hookline.api<T>('GET', path)).body;
const delivery = (id: string) => get<Shown & { resends: Shown[] }>(`/v1/deliveries/${id}`);
const stuck = async () => (await get<{ data: Shown[] }>('/v1/deliveries?stuck=true')).data;
const send = async () => {
  const sent = await hookline.api<{ delivery: Shown }>('POST', '/v1/webhooks/sms/send', { person: 'ada' });
  return sent.body.delivery.id;
};

const REFUSED = {
  code: 'workflow_refused',
  message: expect.stringMatching(/^Temporal refuses to start its workflow \(.*not this one.*\)\. It is told again/),
};

describe('what Temporal refuses to start', () => {
  it('is listed with the refusal, where it is a delivery, until Temporal takes it', async () => {
    const [id, other] = [await send(), await send()];
    expect(await stuck()).toEqual([]);
    await hookline.database.db.execute(sql`delete from commands where workflow_id = ${`delivery/${other}`}`);
    await refuse();
    expect(await stuck()).toMatchObject([{ id, state: 'queued', error: REFUSED }]);
    expect(await delivery(id)).toMatchObject({ state: 'queued', error: REFUSED });
    expect(await delivery(other)).toMatchObject({ state: 'queued', error: null });

    await carryTo(hookline.client);
    expect(await stuck()).toEqual([]);
    expect(await delivery(id)).toMatchObject({ state: 'queued', error: null });
  });

  it('is listed where it is a resend, which says why, beside what its delivery failed of', async () => {
    const id = await send();
    const error = { code: 'http_400', message: 'no' };
    await hookline.database.db.execute(sql`delete from commands`);
    await hookline.database.db.execute(
      sql`update deliveries set state = 'failed', error = ${JSON.stringify(error)}::jsonb where id = ${id}`,
    );
    expect((await hookline.api('POST', `/v1/deliveries/${id}/resend`)).status).toBe(200);
    await refuse();
    const shown = { id, state: 'failed', error, resends: [{ endedAt: null, error: REFUSED }] };
    expect(await stuck()).toMatchObject([shown]);
    expect(await delivery(id)).toMatchObject(shown);
    await carryTo(hookline.client);
    expect(await delivery(id)).toMatchObject({ error, resends: [{ error: null }] });
  });

  it('says so where it is a broadcast', async () => {
    await hookline.publish('news', { trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
    const audience = { 'customer.plan': 'gold' };
    type Triggered = { broadcast: { id: string } };
    const { body } = await hookline.api<Triggered>('POST', '/v1/campaigns/news/trigger', { audience });
    const broadcast = () => get<Shown>(`/v1/broadcasts/${body.broadcast.id}`);
    expect(await broadcast()).not.toHaveProperty('error');
    await refuse();
    expect(await broadcast()).toMatchObject({ state: 'running', error: REFUSED });
    await carryTo(hookline.client);
    expect(await broadcast()).not.toHaveProperty('error');
  });

  it('is asked for by `true` alone', async () => {
    expectProblem(await hookline.api('GET', '/v1/deliveries?stuck=maybe'), 422, 'input.invalid');
  });
});
