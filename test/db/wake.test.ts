import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../db/open.ts';
import { CHANNELS, createWaker } from '../../db/wake.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

let database: TestDatabase;
let heard = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.listen(CHANNELS.inbox, () => (heard += 1));
});
afterAll(() => database.close());

describe('waking the relay', () => {
  it('sends one NOTIFY for many calls at the same moment, and another one for a later call', async () => {
    const wake = createWaker(database.db, 'inbox', () => {});
    const before = heard;
    for (let call = 0; call < 100; call += 1) wake();
    await eventually(async () => heard > before);
    wake();
    await eventually(async () => heard > before + 1);
    // Notifications come in the order of their commits: whatever was sent before is here when this one is.
    await database.db.execute(sql`select pg_notify(${CHANNELS.inbox}, 'last')`);
    await eventually(async () => heard > before + 2);
    expect(heard).toBe(before + 3);
  });

  it('tells of a NOTIFY that failed, and tries again with the next call', async () => {
    const away = openDatabase('postgres://postgres@127.0.0.1:9/none', { max: 1, application: 'hookline test' });
    const errors: unknown[] = [];
    const wake = createWaker(away.db, 'inbox', (error) => errors.push(error));
    wake();
    await eventually(async () => errors.length === 1);
    wake();
    await eventually(async () => errors.length === 2);
    await away.close();
  });
});
