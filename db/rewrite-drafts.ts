import { and, asc, eq, sql } from 'drizzle-orm';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import type { CompiledWebhook } from '../domain/campaign/compiled-webhook.ts';
import { HooklineError } from '../domain/errors.ts';
import type { DraftSource, Rewritten } from '../domain/journey/rewrite-draft.ts';
import type { Json } from '../domain/json.ts';
import { findCurrentVersion } from './campaigns.ts';
import type { Cipher } from './cipher.ts';
import type { DeliveryRow } from './deliveries.ts';
import { draftRefusal, isOpenDraft, noDelivery, type Asked } from './draft-refusal.ts';
import { sealRequest } from './frozen-request.ts';
import { readJourneyInput } from './journey-scope.ts';
import { readCause } from './journeys.ts';
import type { Db } from './open.ts';
import { deliveries, type Actor } from './schema/deliveries.ts';
import { journeyLog } from './schema/journeys.ts';
import { people } from './schema/people.ts';
import { readSecrets } from './secrets.ts';
import { readSendData } from './sends.ts';
import type { VersionCache } from './version-cache.ts';
import { findWebhook } from './webhooks.ts';

export type Rewrite = Asked & {
  what: 'edited' | 'rerendered';
  by: Actor;
  reason: string | null;
  /** Of which version the step is: that of the draft, or that which the campaign has now. */
  version: 'own' | 'current';
  /** Throws a `HooklineError` where there is nothing to be sent; the draft then stays as it is. */
  render(source: DraftSource): Rewritten;
  /** For the journey's log. */
  details: Record<string, Json>;
};

export type RewriteDependencies = {
  cipher: Cipher;
  campaigns: VersionCache<CompiledCampaign>;
  webhooks: VersionCache<CompiledWebhook>;
};

export type Rewrites = { done: string[]; refused: { id: string; error: HooklineError }[] };

/**
 * Renders drafts anew, in the transaction `tx`. They are held meanwhile, so that of an edit and a decision, or of two edits, one
 * comes after the other and nothing is mixed; with them their people, so that they are not erased. Raises the revision of each, and
 * leaves a line in its journey's log.
 */
export async function rewriteDrafts(
  tx: Db,
  dependencies: RewriteDependencies,
  ids: string[],
  rewrite: Rewrite,
): Promise<Rewrites> {
  const drafts = await lockDeliveries(tx, ids);
  const secrets = await readSecrets(tx, dependencies.cipher);
  const result: Rewrites = { done: [], refused: [] };
  for (const id of ids) {
    try {
      const delivery = drafts.get(id);
      if (!delivery) throw noDelivery(id);
      if (!isOpenDraft(delivery, rewrite)) throw draftRefusal(delivery, rewrite);
      const { version, source } = await readSource(tx, dependencies, delivery, { ...rewrite, secrets });
      const rewritten = rewrite.render(source);
      await replaceDraft(tx, dependencies.cipher, { delivery, version, rewritten, rewrite });
      result.done.push(id);
    } catch (error) {
      if (!(error instanceof HooklineError)) throw error;
      result.refused.push({ id, error });
    }
  }
  return result;
}

async function lockDeliveries(tx: Db, ids: string[]): Promise<Map<string, DeliveryRow>> {
  const isNamed = sql`${deliveries.id} = any(${sql.param(ids)}::text[])`;
  // Sent together, run in this order: people before deliveries, as everywhere.
  const [, rows] = await Promise.all([
    tx
      .select({ key: people.key })
      .from(people)
      .where(sql`${people.key} in (select ${deliveries.personKey} from ${deliveries} where ${isNamed})`)
      .orderBy(asc(people.key))
      .for('key share'),
    tx.select().from(deliveries).where(isNamed).orderBy(asc(deliveries.id)).for('no key update'),
  ]);
  return new Map(rows.map((row) => [row.id, row]));
}

type Source = { version: number; source: DraftSource };
type Reading = Pick<Rewrite, 'version' | 'now'> & { secrets: Record<string, string> };

async function readSource(
  tx: Db,
  dependencies: RewriteDependencies,
  delivery: DeliveryRow,
  reading: Reading,
): Promise<Source> {
  const found =
    delivery.webhookId === null
      ? await sourceOfStep(tx, dependencies, delivery, reading)
      : await sourceOfStored(tx, dependencies, delivery, reading);
  if (found) return found;
  const message = `What the draft "${delivery.id}" was made from is gone. Discard it, or store that again.`;
  throw new HooklineError('deliveries.step_gone', message);
}

async function sourceOfStep(
  tx: Db,
  { cipher, campaigns }: RewriteDependencies,
  { id, journeyId, campaignId, stepId, edited, version: own }: DeliveryRow,
  { version: which, now, secrets }: Reading,
): Promise<Source | undefined> {
  const cause = journeyId === null ? undefined : await readCause(tx, journeyId);
  if (!cause || campaignId === null || stepId === null) return undefined;
  const version = which === 'own' ? own : await findCurrentVersion(tx, campaignId);
  if (!version) return undefined;
  const compiled = await campaigns(tx, campaignId, version);
  const input = await readJourneyInput({ tx, cipher, compiled, at: cause, now });
  const of = { campaign: compiled, step: stepId };
  return { version, source: { id, edited, of, input: { ...input, delivery: { id }, secrets } } };
}

async function sourceOfStored(
  tx: Db,
  { webhooks }: RewriteDependencies,
  { id, webhookId, sendId, personKey, edited, version: own }: DeliveryRow,
  { version: which, now, secrets }: Reading,
): Promise<Source | undefined> {
  if (webhookId === null || sendId === null) return undefined;
  const version = which === 'own' ? own : (await findWebhook(tx, webhookId))?.version;
  const [person] = await tx.select().from(people).where(eq(people.key, personKey));
  if (!version || !person) return undefined;
  const of = { campaign: null, webhook: await webhooks(tx, webhookId, version) };
  const input = { person, trigger: await readSendData(tx, sendId), delivery: { id }, secrets, now };
  return { version, source: { id, edited, of, input } };
}

async function replaceDraft(
  tx: Db,
  cipher: Cipher,
  change: { delivery: DeliveryRow; version: number; rewritten: Rewritten; rewrite: Rewrite },
): Promise<void> {
  const { delivery, version, rewritten, rewrite } = change;
  const { id, journeyId, stepId } = delivery;
  const { what, by, reason, details } = rewrite;
  const { frozen, ...shown } = rewritten;
  const revision = delivery.revision + 1;
  const isSame = and(
    eq(deliveries.id, id),
    eq(deliveries.state, 'drafted'),
    eq(deliveries.revision, delivery.revision),
  );
  const [replaced] = await Promise.all([
    tx
      .update(deliveries)
      .set({
        ...shown,
        frozen: sealRequest(cipher, id, frozen),
        version,
        revision,
        updatedAt: sql`clock_timestamp()`,
      })
      .where(isSame)
      .returning({ id: deliveries.id }),
    journeyId !== null &&
      stepId !== null &&
      tx.insert(journeyLog).values({
        journeyId,
        step: stepId,
        what,
        revision,
        details: { delivery: id, revision, version, ...details, by, reason },
      }),
  ]);
  if (replaced.length === 0) throw new Error(`the draft ${id} changed while it was held`);
}
