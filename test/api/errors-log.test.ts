import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';

let database: TestDatabase;
let hookline: Processes;

beforeAll(async () => {
  database = await createTestDatabase();
  hookline = await prepareProcesses({ databaseUrl: database.url });
});
afterAll(async () => {
  await hookline.stop();
  await database.close();
});

/** Every row that is written to the table from now on is refused. */
const refuseRows = (table: string) =>
  database.db.execute(sql.raw(`alter table ${table} add constraint refused check (false) not valid`));

const errorsIn = (lines: string[]) => lines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50);

describe('the log of a failed query says why, and not what was written', () => {
  it('by the API', async () => {
    const server = hookline.startServer();
    await server.ready;
    await hookline.publish('welcome', {
      trigger: { type: 'event', event: 'signed_up', where: { 'event.mail': { ne: 'x' } } },
      steps: [{ type: 'exit' }],
    });
    const event = { person: 'ada', name: 'signed_up', data: { mail: 'ada@private.example' } };
    expect((await hookline.api('POST', '/v1/events', event)).status).toBe(202);

    await refuseRows('people');
    const person = { attributes: { mail: 'ada@private.example' } };
    expect((await hookline.api('PUT', '/v1/people/ada', person)).status).toBe(500);
    await eventually(async () => errorsIn(server.lines).length > 0);
    expect(errorsIn(server.lines)).toMatchObject([
      {
        msg: 'a request failed',
        err: {
          type: 'Error',
          code: '23514',
          message: 'the database failed: new row for relation "people" violates check constraint "refused"',
        },
      },
    ]);
    expect(server.lines.join('\n')).not.toContain('private.example');
  });

  it('by the relay', async () => {
    await refuseRows('outcomes');
    const worker = hookline.startWorker();
    await worker.ready;
    await eventually(async () => errorsIn(worker.lines).length > 0);
    expect(errorsIn(worker.lines)[0]).toMatchObject({
      msg: 'what waits for a person could not be matched',
      err: { code: '23514', message: expect.stringMatching(/^the database failed: new row for relation "outcomes"/) },
    });
    expect(worker.lines.join('\n')).not.toContain('private.example');
    await worker.kill();
  });

  it('by an activity', async () => {
    await database.db.execute(sql`alter table outcomes drop constraint refused`);
    await database.db.execute(sql`alter table people drop constraint refused`);
    await hookline.publish('tell', {
      trigger: { type: 'event', event: 'moved' },
      steps: [{ type: 'webhook', id: 'tell', url: 'http://127.0.0.1:9/', body: { json: { to: '{{ event.mail }}' } } }],
    });
    await refuseRows('deliveries');
    const worker = hookline.startWorker({ HOOKLINE_LOG_LEVEL: 'debug' });
    await worker.ready;
    const event = { person: 'bob', name: 'moved', data: { mail: 'bob@private.example' } };
    expect((await hookline.api('POST', '/v1/events', event)).status).toBe(202);
    const failed = await eventually(async () =>
      worker.lines.find((line) => line.includes('new row for relation \\"deliveries\\" violates')),
    );
    expect(JSON.parse(failed)).toMatchObject({
      level: 40,
      error: { message: expect.stringMatching(/^the database failed: /) },
    });
    expect(worker.lines.join('\n')).not.toContain('private.example');
  });
});
