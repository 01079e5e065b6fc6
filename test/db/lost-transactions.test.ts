import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { openDatabase, type Db } from '../../db/open.ts';
import { startNetwork } from '../faults/proxy.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

const CONNECTIONS = 5;
const times = <T>(count: number, run: () => Promise<T>) => Promise.all(Array.from({ length: count }, run));

it('connections that are lost cost the transactions on them as a whole, and each works again at once', async ({
  onTestFinished,
}) => {
  const database = await createTestDatabase();
  const network = await startNetwork(Number(new URL(database.url).port));
  const url = Object.assign(new URL(database.url), { port: new URL(network.origin).port }).href;
  const { db, close } = openDatabase(url, { max: CONNECTIONS, application: 'hookline lost' });
  onTestFinished(async () => {
    await close();
    await network.close();
    await database.close();
  });
  await database.db.execute(sql`create table written (what text)`);
  const write = (tx: Db, what: string) => tx.execute(sql`insert into written values (${what})`);

  for (const waitsFor of ['Postgres', 'something else']) {
    let begun = 0;
    let goOn = () => {};
    const other = new Promise<void>((resolve) => (goOn = resolve));
    const ended: Promise<unknown>[] = [];
    const settled = times(CONNECTIONS, () =>
      db
        .transaction(async (tx) => {
          await write(tx, `before, while it waits for ${waitsFor}`);
          begun += 1;
          await (waitsFor === 'Postgres' ? tx.execute(sql`select pg_sleep(60)`).catch(() => {}) : other);
          const late = write(tx, `after it waited for ${waitsFor}`);
          ended.push(late.catch(() => {}));
          await late;
        })
        .then(
          () => 'committed',
          () => 'lost',
        ),
    );
    await eventually(async () => begun === CONNECTIONS);
    // Who must not lose anything asks again at once.
    const insistent = times(3 * CONNECTIONS, () => eventually(() => db.execute(sql`select 1`).catch(() => null)));
    network.cut('reset');
    expect(await settled).toEqual(Array.from({ length: CONNECTIONS }, () => 'lost'));
    network.mend();
    await insistent;
    const pids = await times(CONNECTIONS, () => db.execute(sql`select pg_backend_pid() as pid, pg_sleep(0.5)`));
    expect(new Set(pids.map(([row]) => row?.['pid'])).size).toBe(CONNECTIONS);
    // The connections serve others by now.
    goOn();
    await eventually(async () => ended.length === CONNECTIONS);
    await Promise.all(ended);
  }
  expect(await database.db.execute(sql`select * from written`)).toEqual([]);
}, 60_000);
