import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres, { type Sql, type TransactionSql } from 'postgres';

/** Postgres, or a transaction in it: named queries take either. */
export type Db = Pick<
  PostgresJsDatabase,
  'select' | 'selectDistinct' | 'insert' | 'update' | 'delete' | 'execute' | 'transaction'
>;

export type Database = {
  db: Db;
  /** Calls back after each NOTIFY on the channel, and after a lost connection was made again. */
  listen(channel: string, onNotify: () => void): Promise<void>;
  close(): Promise<void>;
};

/** While Postgres is away a request is told so instead of waiting, and soon after it is back everything goes on. */
const CONNECT_TIMEOUT_S = 5;
const LONGEST_PAUSE_S = 1;
/** A connection that says nothing for so long, while a query waits for it, is lost: a failover, or a pooler, may forget it and leave it open. */
const SILENT_S = 60;
/** A process that stands still, or is cut off, in the middle of a transaction holds its people's rows no longer. */
const IDLE_TRANSACTION_MS = 20_000;

/** Opens a pool of connections; they are made when first needed and made again after Postgres was restarted. */
export function openDatabase(
  url: string,
  { max, application, silentS = SILENT_S }: { max: number; application: string; silentS?: number },
): Database {
  const settings = {
    max,
    silent: silentS,
    connection: {
      application_name: application,
      idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
    },
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: (failures: number) => Math.min(0.1 * 2 ** failures, LONGEST_PAUSE_S),
    onnotice: () => {},
  };
  // `silent` is an option of the patched driver.
  const client = postgres(url, settings);
  const db = drizzle(withPreparedStatements(client));
  return {
    db,
    listen: async (channel, onNotify) => {
      await client.listen(channel, onNotify, onNotify);
    },
    close: () => client.end({ timeout: 1 }),
  };
}

/**
 * drizzle asks the driver for unprepared statements; prepared ones spare Postgres parsing and planning each again. They stay as
 * long as their connection, so a list goes in as one parameter (`= any(…)`): its length must not make another statement.
 */
function withPreparedStatements(client: Sql): Sql {
  const begin = client.begin.bind(client);
  return Object.assign(prepared(client), { begin: <T>(run: Run<T>) => begin((sql) => run(preparedInside(sql))) });
}

type Run<T> = (sql: TransactionSql) => T | Promise<T>;

function preparedInside(sql: TransactionSql): TransactionSql {
  const savepoint = sql.savepoint.bind(sql);
  return Object.assign(prepared(sql), {
    savepoint: <T>(run: Run<T>) => savepoint((inner) => run(preparedInside(inner))),
  });
}

function prepared<T extends Sql | TransactionSql>(sql: T): T {
  const unsafe = sql.unsafe.bind(sql);
  return Object.assign(sql, {
    unsafe: (...[query, parameters, options]: Parameters<typeof unsafe>) =>
      unsafe(query, parameters, { ...options, prepare: true }),
  });
}
