import { isPast } from '../domain/campaign/entry.ts';
import type { InboxItem } from '../db/inbox.ts';

/** Whether an item came as backfill, or long after it happened: it starts and ends nothing. */
export const isPastItem = ({ change, event }: InboxItem): boolean =>
  (change?.backfill ?? false) || (event !== null && isPast(event));
