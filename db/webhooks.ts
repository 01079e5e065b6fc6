import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Webhook } from '../domain/campaign/webhook.ts';
import { isSame } from './campaigns.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import { deliveries, OPEN_STATES, type DeliveryState } from './schema/deliveries.ts';
import { webhooks, webhookVersions } from './schema/webhooks.ts';

export type WebhookRow = typeof webhooks.$inferSelect & { definition: Webhook };

/** The newest version of a webhook that is not deleted. */
export async function findWebhook(db: Db, id: string): Promise<WebhookRow | undefined> {
  const [row] = await selectWebhook(db).where(and(eq(webhooks.id, id), isNull(webhooks.deletedAt)));
  return row && { ...row.webhook, definition: row.definition };
}

/** Any version, also of a deleted webhook. */
export async function findWebhookVersion(db: Db, id: string, version: number): Promise<Webhook | undefined> {
  const [row] = await db
    .select({ definition: webhookVersions.definition })
    .from(webhookVersions)
    .where(and(eq(webhookVersions.webhookId, id), eq(webhookVersions.version, version)));
  return row?.definition;
}

/** A page of webhooks in the order of their ids, without their definitions. */
export async function listWebhooks(db: Db, page: PageRequest): Promise<Page<typeof webhooks.$inferSelect>> {
  const query = pageQuery(page, webhooks.id, webhooks.createdAt, [isNull(webhooks.deletedAt)]);
  const rows = await db.select().from(webhooks).where(query.where).orderBy(query.orderBy).limit(query.limit);
  return pageOf(rows, page.limit);
}

const selectWebhook = (db: Db) =>
  db
    .select({ webhook: webhooks, definition: webhookVersions.definition })
    .from(webhooks)
    .innerJoin(
      webhookVersions,
      and(eq(webhookVersions.webhookId, webhooks.id), eq(webhookVersions.version, webhooks.version)),
    );

/**
 * Stores a definition as the webhook's next version, from which new sends are made. The definition that is there already changes
 * nothing, but that a deleted webhook is there again. Two at once take turns at the webhook's row.
 */
export async function putWebhook(db: Db, id: string, definition: Webhook): Promise<{ version: number }> {
  return db.transaction(async (tx) => {
    await tx.insert(webhooks).values({ id, version: 0 }).onConflictDoNothing({ target: webhooks.id });
    const [webhook] = await tx.select().from(webhooks).where(eq(webhooks.id, id)).for('no key update');
    if (!webhook) throw new Error('a webhook vanished while it was stored');
    const stored = await findWebhookVersion(tx, id, webhook.version);
    const isStored = stored !== undefined && isSame(stored, definition);
    if (isStored && webhook.deletedAt === null) return webhook;
    const version = isStored ? webhook.version : webhook.version + 1;
    if (!isStored) await tx.insert(webhookVersions).values({ webhookId: id, version, definition });
    await tx
      .update(webhooks)
      .set({ version, deletedAt: null, updatedAt: sql`clock_timestamp()` })
      .where(eq(webhooks.id, id));
    return { version };
  });
}

/** The version that storing a definition would lead to. */
export async function wouldPut(db: Db, id: string, definition: Webhook): Promise<{ version: number }> {
  const [row] = await selectWebhook(db).where(eq(webhooks.id, id));
  if (!row) return { version: 1 };
  const { version } = row.webhook;
  return { version: isSame(row.definition, definition) ? version : version + 1 };
}

/** Deliveries of a webhook that have not ended: how many, and the oldest of them. */
export type OpenDeliveries = { count: number; oldest: { id: string; state: DeliveryState }[] };

const OLDEST_SHOWN = 100;

/**
 * Hides a webhook of which no delivery is open from new sends. It waits for sends that are being stored, and what comes later waits for
 * it. `throwIfUsed` gets what is open. Answers whether it was there.
 */
export async function deleteWebhook(db: Db, id: string, throwIfUsed: (open: OpenDeliveries) => void): Promise<boolean> {
  return db.transaction(async (tx) => {
    const there = and(eq(webhooks.id, id), isNull(webhooks.deletedAt));
    const [webhook] = await tx.select({ id: webhooks.id }).from(webhooks).where(there).for('no key update');
    if (!webhook) return false;
    throwIfUsed(await openDeliveries(tx, id));
    await tx
      .update(webhooks)
      .set({ deletedAt: sql`clock_timestamp()`, updatedAt: sql`clock_timestamp()` })
      .where(eq(webhooks.id, id));
    return true;
  });
}

async function openDeliveries(tx: Db, webhook: string): Promise<OpenDeliveries> {
  const rows = await tx
    .select({ id: deliveries.id, state: deliveries.state, count: sql<number>`(count(*) over ())::int` })
    .from(deliveries)
    .where(and(eq(deliveries.webhookId, webhook), inArray(deliveries.state, OPEN_STATES)))
    .orderBy(deliveries.id)
    .limit(OLDEST_SHOWN);
  return { count: rows[0]?.count ?? 0, oldest: rows.map(({ id, state }) => ({ id, state })) };
}
