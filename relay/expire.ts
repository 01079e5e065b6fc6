import { decideDrafts, listExpiredDrafts } from '../db/drafts.ts';
import type { Db } from '../db/open.ts';

const DRAFTS_AT_ONCE = 200;

/** Discards drafts that nobody decided in time. Answers how many. */
export async function expireDrafts(db: Db, now: Date): Promise<number> {
  const ids = await listExpiredDrafts(db, now, DRAFTS_AT_ONCE);
  if (ids.length === 0) return 0;
  const decided = await decideDrafts(db, ids, { by: null, decision: 'discard', reason: 'it expired', now });
  return decided.length;
}
