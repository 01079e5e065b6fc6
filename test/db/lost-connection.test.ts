import { createServer, type AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../db/open.ts';
import { isUnavailable } from '../../db/unavailable.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startNetwork, type Network } from '../support/network.ts';

const CONNECTIONS = 10;

let database: TestDatabase;
let network: Network;
let farUrl: string;
let far: Database;

/** Ends every connection at once, as when the server's machine is switched off and on. */
const cut = () => {
  network.cut('reset');
  network.mend();
};

beforeAll(async () => {
  database = await createTestDatabase();
  network = await startNetwork(Number(new URL(database.url).port));
  farUrl = Object.assign(new URL(database.url), { port: new URL(network.origin).port }).href;
  far = openDatabase(farUrl, { max: CONNECTIONS, application: 'hookline test' });
  await database.db.execute(sql`create table notes (text text)`);
});
beforeEach(() => database.db.execute(sql`delete from notes`));
afterAll(async () => {
  await far.close();
  await network.close();
  await database.close();
});

/** As many queries at once as there are connections. */
const onAll = () => Promise.all(Array.from({ length: CONNECTIONS }, () => far.db.execute(sql`select pg_sleep(0.1)`)));
const failureOf = (work: Promise<unknown>) => work.then(() => null).catch((error: unknown) => error);

it('a transaction whose connection is lost fails alone: the process goes on', async () => {
  const failed = failureOf(
    far.db.transaction(async (tx) => {
      await tx.execute(sql`insert into notes values ('lost')`);
      cut();
      await tx.execute(sql`insert into notes select 'late' from pg_sleep(1)`);
    }),
  );
  expect(isUnavailable(await failed)).toBe(true);
  await far.db.execute(sql`insert into notes values ('after')`);
  expect(await database.db.execute(sql`select text from notes`)).toEqual([{ text: 'after' }]);
});

it('what such a transaction still does later takes no effect', async () => {
  let later: Promise<unknown> = Promise.resolve();
  const failed = failureOf(
    far.db.transaction(async (tx) => {
      await tx.execute(sql`insert into notes values ('lost')`);
      cut();
      // By then all connections have been made again, its own too.
      await eventually(async () => (await failureOf(onAll())) === null);
      later = failureOf(tx.execute(sql`insert into notes values ('late')`));
      await later;
    }),
  );
  expect(await failed).toBeInstanceOf(Error);
  await eventually(async () => (await later) instanceof Error);
  expect(await database.db.execute(sql`select text from notes`)).toEqual([]);
});

it('nor does its end take effect: another transaction on the connection that was made again is its own', async () => {
  const { db, close } = openDatabase(farUrl, { max: 1, application: 'hookline test' });
  let goOn: (() => void) | undefined;
  const lost = failureOf(
    db.transaction(async (tx) => {
      await tx.execute(sql`insert into notes values ('lost')`);
      await new Promise<void>((resolve) => (goOn = resolve));
    }),
  );
  await eventually(async () => goOn !== undefined);
  cut();
  await lost;
  const undone = await failureOf(
    db.transaction(async (tx) => {
      await tx.execute(sql`insert into notes values ('half')`);
      goOn?.();
      await tx.execute(sql`select pg_sleep(0.1)`);
      throw new Error('undone');
    }),
  );
  await close();
  expect(undone).toMatchObject({ message: 'undone' });
  expect(await database.db.execute(sql`select text from notes`)).toEqual([]);
});

it.each(['commit', 'roll back'])('nor does a transaction inside of it, though both %s', async (end) => {
  const { db, close } = openDatabase(farUrl, { max: 1, application: 'hookline test' });
  const ending = () => (end === 'commit' ? undefined : Promise.reject(new Error('undone')));
  let goOn: (() => void) | undefined;
  let later: Promise<unknown> = Promise.resolve();
  const lost = failureOf(
    db.transaction(async (tx) => {
      await tx.execute(sql`insert into notes values ('lost')`);
      await new Promise<void>((resolve) => (goOn = resolve));
      later = failureOf(
        tx.transaction(async (inner) => {
          await inner.execute(sql`insert into notes values ('late')`);
          await ending();
        }),
      );
    }),
  );
  await eventually(async () => goOn !== undefined);
  cut();
  await lost;
  await db.transaction(async (tx) => {
    await tx.execute(sql`insert into notes values ('whole')`);
    goOn?.();
    await tx.execute(sql`select pg_sleep(0.1)`);
  });
  await close();
  expect(await later).toBeInstanceOf(Error);
  expect(await database.db.execute(sql`select text from notes`)).toEqual([{ text: 'whole' }]);
});

it('a transaction in which nothing is done gives its rows free after 20 s, and its process is told', async () => {
  await database.db.execute(sql`insert into notes values ('held')`);
  const failed = failureOf(
    far.db.transaction(async (tx) => {
      expect(await tx.execute(sql`show idle_in_transaction_session_timeout`)).toMatchObject([
        { idle_in_transaction_session_timeout: '20s' },
      ]);
      await tx.execute(sql`update notes set text = 'lost'`);
      await tx.execute(sql`set local idle_in_transaction_session_timeout = '100ms'`);
      await database.db.execute(sql`update notes set text = text || ', then free'`);
      await tx.execute(sql`select 1`);
    }),
  );
  expect(isUnavailable(await failed)).toBe(true);
  expect(await database.db.execute(sql`select text from notes`)).toEqual([{ text: 'held, then free' }]);
});

it('who connects to what accepts and closes is told so, and does not try again without a pause', async () => {
  let accepted = 0;
  const closing = createServer((socket) => {
    accepted += 1;
    socket
      .on('error', () => {})
      .resume()
      .end();
  });
  await new Promise<void>((resolve) => {
    closing.listen(0, '127.0.0.1', resolve);
  });
  const url = Object.assign(new URL(farUrl), { port: String((closing.address() as AddressInfo).port) }).href;
  const { db, close } = openDatabase(url, { max: 1, application: 'hookline test' });
  expect(isUnavailable(await failureOf(db.execute(sql`select 1`)))).toBe(true);
  expect(accepted).toBe(1);
  await close();
  await new Promise((resolve) => closing.close(resolve));
});

it('every connection is made again and usable, though it was lost between a query and its sending', async () => {
  let heard = 0;
  await far.listen('lost_connection', () => (heard += 1));
  const until = Date.now() + 2_000;
  const busy = Array.from({ length: 4 * CONNECTIONS }, async () => {
    while (Date.now() < until) {
      await failureOf(far.db.execute(sql`select 1`));
      await failureOf(far.db.transaction((tx) => tx.execute(sql`select 2`)));
    }
  });
  while (Date.now() < until) {
    cut();
    await failureOf(far.db.execute(sql`select 3`));
  }
  await Promise.all(busy);
  expect(await failureOf(onAll())).toBe(null);
  heard = 0;
  await eventually(async () => {
    await database.db.execute(sql`notify lost_connection`);
    return heard > 0;
  });
});
