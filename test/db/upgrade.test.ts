import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getTableColumns, getTableName, is } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator';
import { PgTable } from 'drizzle-orm/pg-core';
import postgres from 'postgres';
import { expect, inject, it } from 'vitest';
import { migrate } from '../../db/migrate.ts';
import * as campaigns from '../../db/schema/campaigns.ts';
import * as deliveries from '../../db/schema/deliveries.ts';
import * as journeys from '../../db/schema/journeys.ts';
import * as people from '../../db/schema/people.ts';

const MIGRATIONS = fileURLToPath(new URL('../../db/migrations', import.meta.url));

/** What the first release may have left, in the middle of a journey. */
const ROWS = `
  insert into people (key, id, attributes, last_number) values ('per_1', 'ada', '{"plan": "gold"}', 1);
  insert into events (id, person_key, number, name, data, timestamp, received_at)
    values ('evt_1', 'per_1', 1, 'asked', '{}', now(), now());
  insert into inbox (person_key, number, type, subject) values ('per_1', 1, 'event', 'evt_1');
  insert into waiting (person_key, lane, due_at) values ('per_1', 0, now());
  insert into campaigns (id, state, version, trigger_event) values ('letter', 'live', 1, 'asked'), ('news', 'live', 1, null);
  insert into campaign_versions (campaign_id, version, definition, plan) values ('letter', 1, '{}', '{}');
  insert into outcomes (cause, campaign_id, person_key, version, outcome, reason, values)
    values ('event/evt_1', 'letter', 'per_1', 1, 'entered', '', '{}');
  insert into entries (campaign_id, person_key, cause, once, journey_id)
    values ('letter', 'per_1', 'event/evt_1', false, 'jrn_1');
  insert into journeys (id, campaign_id, version, person_key, event_id, state)
    values ('jrn_1', 'letter', 1, 'per_1', 'evt_1', 'sending');
  insert into journey_log (journey_id, step, what, details) values ('jrn_1', 'tell', 'rendered', '{}');
  insert into deliveries (id, person_key, journey_id, step_id, state, missing, mapping, timeout_ms)
    values ('dlv_1', 'per_1', 'jrn_1', 'tell', 'attempted', '[]', '{}', 4000);
  insert into attempts (id, delivery_id, number, destination, in_flight_until, trigger, class, started_at)
    values ('att_1', 'dlv_1', 1, 'https://a.example', now(), 'automatic', 'unknown', now());
  insert into commands (workflow_id, command) values ('journey/jrn_1/1', '{"type": "wake", "subject": "dlv_1"}');`;

/** Migrates as the first release did. */
async function migrateAsFirst(client: postgres.Sql): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-first-'));
  await cp(MIGRATIONS, folder, { recursive: true });
  const file = join(folder, 'meta/_journal.json');
  const journal = JSON.parse(await readFile(file, 'utf8')) as { entries: object[] };
  await writeFile(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, 1) }));
  await runMigrations(drizzle(client), { migrationsFolder: folder });
  await rm(folder, { recursive: true });
}

it('a database of the first release is brought up to date with all that it holds', async ({ onTestFinished }) => {
  const template = new URL(inject('templateUrl'));
  const name = `first_${randomUUID().replaceAll('-', '')}`;
  const admin = postgres(Object.assign(new URL(template), { pathname: '/postgres' }).href, { max: 1 });
  await admin`create database ${admin(name)}`;
  const url = Object.assign(new URL(template), { pathname: `/${name}` }).href;
  const client = postgres(url, { max: 1, onnotice: () => {} });
  onTestFinished(async () => {
    await client.end();
    await admin`drop database ${admin(name)} with (force)`;
    await admin.end();
  });
  await migrateAsFirst(client);
  await client.unsafe(ROWS);

  await migrate(url);

  const db = drizzle(client);
  const tables = [people, campaigns, journeys, deliveries]
    .flatMap((schema) => Object.values(schema))
    .filter((each) => is(each, PgTable));
  const kept = await Promise.all(
    tables.map(async (table) => [table, await db.select(getTableColumns(table)).from(table)] as const),
  );
  const names = kept.filter(([, rows]) => rows.length > 0).map(([table]) => getTableName(table));
  expect(names).toEqual(expect.arrayContaining([...ROWS.matchAll(/insert into (\w+)/g)].map(([, name]) => name)));
  expect(await db.select().from(campaigns.campaigns).orderBy(campaigns.campaigns.id)).toMatchObject([
    { id: 'letter', triggerType: 'event', triggerName: 'asked' },
    { id: 'news', triggerType: 'manual', triggerName: null },
  ]);
  expect(await db.select().from(journeys.journeys)).toMatchObject([{ cause: 'event/evt_1', state: 'sending', run: 1 }]);
  expect(await db.select().from(deliveries.deliveries)).toMatchObject([{ id: 'dlv_1', state: 'attempted' }]);
});
