import { sql } from 'drizzle-orm';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMetrics } from '../../api/metrics.ts';
import { placeAt } from '../../db/id.ts';
import { postponePerson } from '../../db/inbox.ts';
import { openDatabase } from '../../db/open.ts';
import { eventually } from '../support/eventually.ts';
import { holdTransaction } from '../support/locks.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { send } from '../support/problem.ts';

let hookline: Hookline;
const lines: string[] = [];

beforeAll(async () => {
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
  hookline = await startHookline({ worker: false, relays: 0, log });
  await hookline.api('PUT', '/v1/webhooks/note', { url: 'http://127.0.0.1:9/', send: 'draft' });
  await hookline.api('PUT', '/v1/people/ada@private.example', { attributes: {} });
});
afterAll(() => hookline.stop());

/** The figures as of now, by name and labels. */
async function figures(): Promise<Record<string, number>> {
  const text = await createMetrics({ db: hookline.database.db, now: () => new Date(), onError: () => {} }).read();
  return figuresOf(text);
}

const figuresOf = (text: string): Record<string, number> =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.startsWith('hookline_'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );

describe('/metrics', () => {
  it('counts requests by route and status, and the events that were stored', async () => {
    const event = { id: 'once', person: 'zoe@private.example', name: 'x' };
    for (const _ of [1, 2]) await hookline.api('POST', '/v1/events', event);
    await hookline.api('GET', '/v1/people/zoe@private.example');
    await hookline.api('GET', '/v1/people/nobody@private.example');
    const response = await fetch(`${hookline.url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const text = await response.text();
    expect(figuresOf(text)).toMatchObject({
      'hookline_http_request_seconds_count{method="POST",route="/v1/events",status="202"}': 2,
      'hookline_http_request_seconds_count{method="GET",route="/v1/people/:id",status="200"}': 1,
      'hookline_http_request_seconds_count{method="GET",route="/v1/people/:id",status="404"}': 1,
      hookline_events_accepted_total: 1,
    });
    expect(text).toContain('process_cpu_seconds_total');
  });

  it('says what waits, since when, and where journeys and deliveries stand', async () => {
    const { db } = hookline.database;
    await hookline.api('POST', '/v1/webhooks/note/send', { person: 'ada@private.example' });
    await db.execute(sql`update waiting set due_at = now() - interval '90 seconds'`);
    await db.execute(sql`update deliveries set created_at = now() - interval '1 hour'`);
    await db.execute(sql`
      insert into destinations (origin, id, shown, open_until) values ('https://down.private.example', 'dst_1', '', now() + interval '1 hour')`);
    await db.execute(sql`insert into commands (workflow_id, command) values ('x', '{"type":"wake","subject":"x"}')`);
    const seen = await figures();
    expect(seen).toMatchObject({
      hookline_waiting_people: 1,
      hookline_commands: 1,
      'hookline_deliveries{state="drafted"}': 1,
      'hookline_drafts{campaign=""}': 1,
      'hookline_destinations{breaker="open"}': 1,
      'hookline_destinations{breaker="halfOpen"}': 0,
    });
    expect(seen.hookline_relay_lag_seconds).toBeGreaterThan(89);
    expect(seen['hookline_oldest_draft_seconds{campaign=""}']).toBeGreaterThan(3_599);
  });

  it('says since when somebody waits who cannot be matched, and is put off again and again', async () => {
    const { db } = hookline.database;
    const [{ key } = { key: '' }] = await db.execute<{ key: string }>(
      sql`update events set received_at = now() - interval '1 hour' returning person_key as key`,
    );
    await postponePerson(db, key);
    const seen = await figures();
    expect(seen).toMatchObject({ hookline_waiting_people: 1 });
    expect(seen.hookline_relay_lag_seconds).toBeGreaterThan(3_599);
  });

  it('says what became of deliveries and attempts lately, and who stands in line', async () => {
    const { db } = hookline.database;
    const made = async (state: string, { minutesAgo }: { minutesAgo: number }) => {
      const id = placeAt('dlv', Date.now() - minutesAgo * 60_000);
      await db.execute(sql`
        insert into deliveries (id, person_key, step_id, state, missing, mapping, timeout_ms)
        select ${id}, key, 'tell', ${state}, '[]', '{"state": "none", "attributes": {}, "error": null}', 4000 from people where id = 'ada@private.example'`);
      return id;
    };
    const sent = await made('sent', { minutesAgo: 1 });
    const attempted = await made('attempted', { minutesAgo: 2 });
    await made('failed', { minutesAgo: 6 });
    await db.execute(sql`
      insert into attempts (id, delivery_id, number, destination, in_flight_until, trigger, class, started_at, duration_ms)
      values (${placeAt('att', Date.now() - 60_000)}, ${sent}, 1, 'https://up.private.example', now(), 'automatic', 'success', now(), 250),
        (${placeAt('att', Date.now() - 120_000)}, ${attempted}, 1, 'https://up.private.example', now(), 'automatic', 'retryable', now(), 4000),
        (${placeAt('att', Date.now() - 360_000)}, ${attempted}, 2, 'https://up.private.example', now(), 'automatic', 'permanent', now(), 9)`);
    await db.execute(sql`
      insert into parked (delivery_id, workflow_id, destination, reason, since)
      values (${attempted}, 'x', 'https://up.private.example', 'slot', now() - interval '30 seconds')`);
    const seen = await figures();
    expect(Object.fromEntries(Object.entries(seen).filter(([name]) => name.startsWith('hookline_recent')))).toEqual({
      'hookline_recent_deliveries{state="drafted"}': 1,
      'hookline_recent_deliveries{state="sent"}': 1,
      'hookline_recent_deliveries{state="attempted"}': 1,
      'hookline_recent_attempts{class="success"}': 1,
      'hookline_recent_attempts{class="retryable"}': 1,
      'hookline_recent_attempt_seconds{class="success",quantile="0.5"}': 0.25,
      'hookline_recent_attempt_seconds{class="success",quantile="0.99"}': 0.25,
      'hookline_recent_attempt_seconds{class="retryable",quantile="0.5"}': 4,
      'hookline_recent_attempt_seconds{class="retryable",quantile="0.99"}': 4,
    });
    expect(seen).toMatchObject({ 'hookline_parked_deliveries{reason="slot"}': 1, hookline_jobs: 0 });
    expect(seen['hookline_oldest_parked_seconds{reason="slot"}']).toBeGreaterThan(29);
    expect(seen.hookline_command_lag_seconds).toBeGreaterThanOrEqual(0);
  });

  it('tells a journey whose delivery its campaign holds back as paused, as the list does', async () => {
    const { db } = hookline.database;
    const journey = async (id: string, state: string, step: string, { held = false, stuck = false }) => {
      await db.execute(sql`
        insert into journeys (id, campaign_id, version, person_key, cause, state, step_id, stuck_since)
        select ${id}, 'tour', 1, key, ${id}, ${state}, ${step}, case when ${stuck} then now() end from people where id = 'ada@private.example'`);
      await db.execute(sql`
        insert into deliveries (id, person_key, journey_id, campaign_id, version, step_id, state, missing, mapping, timeout_ms)
        select ${`dlv_${id}`}, key, ${id}, 'tour', 1, 'tell', 'queued', '[]', '{"state": "none", "attributes": {}, "error": null}', 4000
        from people where id = 'ada@private.example'`);
      if (held)
        await db.execute(sql`
          insert into paused_deliveries (delivery_id, campaign_id, workflow_id, since)
          values (${`dlv_${id}`}, 'tour', ${id}, now())`);
    };
    await journey('jrn_sends', 'sending', 'tell', {});
    await journey('jrn_held', 'sending', 'tell', { held: true });
    await journey('jrn_beyond', 'sending', 'next', { held: true });
    await journey('jrn_waits', 'waiting', 'tell', { held: true });
    await journey('jrn_stuck', 'sending', 'tell', { held: true, stuck: true });
    const counted = Object.entries(await figures()).filter(([name]) => name.startsWith('hookline_journeys'));
    const states = ['sending', 'paused', 'waiting', 'stuck'];
    const listed = states.map(async (state) => {
      const { body } = await hookline.api<{ data: object[] }>('GET', `/v1/journeys?state=${state}`);
      return [`hookline_journeys{state="${state}"}`, body.data.length];
    });
    expect(Object.fromEntries(counted)).toEqual({
      'hookline_journeys{state="sending"}': 2,
      'hookline_journeys{state="paused"}': 1,
      'hookline_journeys{state="waiting"}': 1,
      'hookline_journeys{state="stuck"}': 1,
    });
    expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(await Promise.all(listed)));
  });

  it('tells of people and destinations without naming anybody', async () => {
    const [{ key } = { key: '' }] = await hookline.database.db.execute<{ key: string }>(
      sql`select key from people where id = 'ada@private.example'`,
    );
    const jobs = sql`insert into jobs (id, task, by, matched) values ('job_1', '{}', '{"key":"x","actor":"ada@private.example"}', 1)`;
    await hookline.database.db.execute(jobs);
    for (const path of ['/ada@private.example', '/v1/people/ada@private.example/none', '/compat/none/private.example'])
      expect((await hookline.api('GET', path)).status).toBe(404);
    await hookline.api('GET', '/compat/customerio/v1/customers/ada@private.example/attributes');
    await hookline.api('PUT', '/compat/customerio/api/v1/customers/ada@private.example', { mail: 'private.example' });
    const ofPostgres = await createMetrics({
      db: hookline.database.db,
      now: () => new Date(),
      onError: () => {},
    }).read();
    const ofProcess = await (await fetch(`${hookline.url}/metrics`)).text();
    const families = [
      'drafts',
      'journeys',
      'parked_deliveries',
      'destinations',
      'recent_attempts',
      'recent_deliveries',
    ];
    for (const family of families) expect(ofPostgres).toMatch(new RegExp(`^hookline_${family}\\{.*\\} [1-9]`, 'm'));
    for (const family of ['waiting_people', 'commands', 'jobs'])
      expect(ofPostgres).toMatch(new RegExp(`^hookline_${family} [1-9]`, 'm'));
    expect(ofProcess).toContain('route="none"');
    expect(key).toMatch(/^per_/);
    for (const text of [ofPostgres, ofProcess]) {
      for (const name of ['private.example', key, 'jrn_', 'dlv_', 'dst_']) expect(text).not.toContain(name);
    }
  });

  it('has the figures of the process, and none of Postgres, while that is away', async () => {
    const { db, close } = openDatabase('postgres://postgres@127.0.0.1:9/none', {
      max: 1,
      application: 'hookline test',
    });
    const metrics = createMetrics({ db, now: () => new Date(), onError: () => {} });
    metrics.accepted(3);
    const text = await metrics.read();
    await close();
    expect(figuresOf(text)).toEqual({ hookline_events_accepted_total: 3 });
    expect(text).toContain('process_cpu_seconds_total');
  });

  it('has the figures of the process also before the first migration, and tells why those of Postgres are missing', async () => {
    const url = Object.assign(new URL(hookline.database.url), { pathname: '/postgres' }).href;
    const { db, close } = openDatabase(url, { max: 1, application: 'hookline test' });
    const errors: unknown[] = [];
    const metrics = createMetrics({ db, now: () => new Date(), onError: (error) => errors.push(error) });
    metrics.accepted(3);
    const text = await metrics.read();
    await close();
    expect(figuresOf(text)).toEqual({ hookline_events_accepted_total: 3 });
    expect(errors).toMatchObject([{ cause: { code: '42P01' } }]);
  });

  it('lets Postgres count once at a time, however long that takes', async () => {
    const { db } = hookline.database;
    const now = new Date('2030-01-01T00:00:00Z');
    const metrics = createMetrics({ db, now: () => now, onError: () => {} });
    const release = await holdTransaction(db, (tx) => tx.execute(sql`lock table commands in access exclusive mode`));
    const asked = [metrics.read()];
    now.setSeconds(6);
    asked.push(metrics.read());
    await Promise.all(asked);
    const counting = await db.execute(sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
    await release();
    expect(counting).toHaveLength(1);
    await eventually(async () => (await metrics.read()).includes('hookline_commands'));
  });

  it('does not ask Postgres each time that it is asked', async () => {
    const now = new Date('2030-01-01T00:00:00Z');
    const metrics = createMetrics({ db: hookline.database.db, now: () => now, onError: () => {} });
    await metrics.read();
    await hookline.database.db.execute(
      sql`insert into commands (workflow_id, command) values ('y', '{"type":"wake","subject":"y"}')`,
    );
    expect(figuresOf(await metrics.read())).toMatchObject({ hookline_commands: 1 });
    now.setSeconds(6);
    expect(figuresOf(await metrics.read())).toMatchObject({ hookline_commands: 2 });
  });
});

describe('the log of requests', () => {
  it('has id, route, status and time of each, and nothing of a person', async () => {
    const answer = await hookline.api('GET', '/v1/people/eve@private.example?secret=private.example');
    const line = await eventually(async () =>
      lines.map((one) => JSON.parse(one)).find(({ requestId }) => requestId === answer.headers.get('x-request-id')),
    );
    expect(line).toMatchObject({
      level: 30,
      msg: 'request',
      method: 'GET',
      route: '/v1/people/:id',
      status: 422,
      durationMs: expect.any(Number),
      key: 'admin',
    });
    expect(lines.join('\n')).not.toContain('private.example');
  });

  it('names the key also where it may not do this, or not so often', async () => {
    const { body } = await hookline.api<{ key: string }>('POST', '/v1/keys', {
      name: 'shop',
      scope: 'ingest',
      rateLimit: '1/h',
    });
    const headers = { authorization: `Bearer ${body.key}` };
    for (const status of [403, 429]) {
      const answer = await send(`${hookline.url}/v1/keys`, { method: 'GET', headers });
      expect(answer.status).toBe(status);
      const line = await eventually(async () =>
        lines.map((one) => JSON.parse(one)).find(({ requestId }) => requestId === answer.headers.get('x-request-id')),
      );
      expect(line).toMatchObject({ msg: 'request', status, key: 'shop' });
    }
  });

  it('tells what watches the process only who looks for it', async () => {
    await send(`${hookline.url}/healthz`, { method: 'GET' });
    const line = await eventually(async () =>
      lines.map((one) => JSON.parse(one)).find(({ route }) => route === '/healthz'),
    );
    expect(line).toMatchObject({ level: 20, status: 200 });
  });
});
