import { sql, type SQL } from 'drizzle-orm';

/** The first half of the locks' keys; nobody else uses it. */
const CAMPAIGNS = sql.raw('1');

/**
 * Who acts on a campaign's state, and who changes it, take turns in the order in which they come, each until the transaction ends. Rows
 * alone would let those who hold them `for share` pass a change for as long as there are any: a busy campaign could not be paused.
 */
export const readersTurn = (campaign: SQL) => sql`pg_advisory_xact_lock_shared(${CAMPAIGNS}, hashtext(${campaign}))`;

/** Whoever changes a campaign's state has to take it first, and nothing before. */
export const writersTurn = (campaign: string) => sql`pg_advisory_xact_lock(${CAMPAIGNS}, hashtext(${campaign}))`;
