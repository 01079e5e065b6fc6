import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';

/** Postgres, or a transaction in it: named queries take either. */
export type Db = Pick<
  PostgresJsDatabase,
  'select' | 'selectDistinct' | 'insert' | 'update' | 'delete' | 'execute' | 'transaction'
>;

export type Database = {
  db: Db;
  /** Calls back after each NOTIFY on the channel, and after a lost connection was made again. */
  listen(channel: string, onNotify: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
};

/** Opens a pool of connections; they are made when first needed and made again after Postgres was restarted. */
export function openDatabase(url: string, options: { max: number; application: string }): Database {
  const client = postgres(url, {
    max: options.max,
    connection: { application_name: options.application },
    onnotice: () => {},
  });
  const db = drizzle(client);
  return {
    db,
    listen: async (channel, onNotify) => {
      const listening = await client.listen(channel, onNotify, onNotify);
      return () => listening.unlisten();
    },
    close: () => client.end({ timeout: 5 }),
  };
}
