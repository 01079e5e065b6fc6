import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import { insertDelivery, type NewDelivery } from './deliveries.ts';
import { newId } from './id.ts';
import type { Db } from './open.ts';
import { people } from './schema/people.ts';
import { sends, webhooks, type MadeDelivery } from './schema/webhooks.ts';

/** What makes a request the same one again. */
export type SendRequest = { webhook: string; requestId: string | undefined; requestHash: string };

export type NewSend = SendRequest & {
  version: number;
  data: Record<string, Json>;
  /** In the order of the request's people. */
  deliveries: (Omit<NewDelivery, 'state'> & Pick<MadeDelivery, 'state'>)[];
  /** Events and decisions go first (0), what is sent to many with what is left (1). */
  lane: 0 | 1;
};

/** What a request comes to that came before. */
type Repeat = { type: 'repeated'; deliveries: MadeDelivery[] } | { type: 'mismatch' };

export type SendResult =
  | Repeat
  | { type: 'stored'; deliveries: MadeDelivery[] }
  | { type: 'noWebhook' }
  /** Somebody was erased after the request was rendered for them. */
  | { type: 'erased' };

/** The send that a request made when it came before, whatever has changed since; `mismatch` if it had another body. */
export async function findSend(db: Db, request: SendRequest): Promise<Repeat | undefined> {
  if (request.requestId === undefined) return undefined;
  const [earlier] = await db
    .select()
    .from(sends)
    .where(and(eq(sends.webhookId, request.webhook), eq(sends.requestId, request.requestId)));
  if (!earlier) return undefined;
  if (earlier.requestHash !== request.requestHash) return { type: 'mismatch' };
  return { type: 'repeated', deliveries: earlier.deliveries };
}

/**
 * Stores a send with its rendered deliveries, and the commands that start the workflows of those that are queued: all or nothing.
 * Of several requests with one `requestId` the first is stored, and the others answer its deliveries.
 */
export async function createSend(db: Db, input: NewSend): Promise<SendResult> {
  const { webhook, version, requestId = null, requestHash, data, deliveries, lane } = input;
  const keys = deliveries.map(({ personKey }) => personKey);
  return db.transaction(async (tx): Promise<SendResult> => {
    // Held before the times are taken that their timelines show.
    const [[there], held] = await Promise.all([
      tx
        .select({ id: webhooks.id })
        .from(webhooks)
        .where(and(eq(webhooks.id, webhook), isNull(webhooks.deletedAt)))
        .for('share'),
      tx
        .select({ key: people.key })
        .from(people)
        .where(sql`${people.key} = any(${sql.param(keys)}::text[])`)
        .orderBy(people.key)
        .for('key share'),
    ]);
    if (!there) return (await findSend(tx, input)) ?? { type: 'noWebhook' };
    if (held.length < keys.length) return { type: 'erased' };

    const id = newId('snd');
    const made = deliveries.map((delivery): MadeDelivery => ({ id: delivery.id, state: delivery.state }));
    const [created] = await tx
      .insert(sends)
      .values({ id, webhookId: webhook, requestId, requestHash, data, deliveries: made })
      .onConflictDoNothing({ target: [sends.webhookId, sends.requestId] })
      .returning({ id: sends.id });
    if (!created) {
      const other = await findSend(tx, input);
      if (!other) throw new Error('a send vanished while it was repeated');
      return other;
    }
    await Promise.all(
      deliveries.map((delivery) => insertDelivery(tx, { ...delivery, webhookId: webhook, version, sendId: id })),
    );
    const queued = made.filter(({ state }) => state === 'queued').map((delivery) => delivery.id);
    await tx.execute(sql`
      insert into commands (workflow_id, command, lane)
      select 'delivery/' || id, jsonb_build_object('type', 'startDelivery', 'delivery', id), ${lane}::int
      from unnest(${sql.param(queued)}::text[]) with ordinality as queued (id, place) order by place`);
    return { type: 'stored', deliveries: made };
  });
}

/** What a send brought along, `trigger` in templates. */
export async function readSendData(db: Db, id: string): Promise<Record<string, Json>> {
  const [row] = await db.select({ data: sends.data }).from(sends).where(eq(sends.id, id));
  if (!row) throw new Error(`there is no send ${id}`);
  return row.data;
}
