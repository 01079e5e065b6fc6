import type { Wanted } from '../db/candidates.ts';
import { readDue } from '../db/due-entries.ts';
import type { InboxItem } from '../db/inbox.ts';
import { maybeMoved, type Known } from './segments.ts';

/** All that campaigns may start on by a person's items, and the campaigns that the items name. */
export function wantedBy(items: InboxItem[], segments: Known[]): Wanted {
  return {
    events: once(items.flatMap(({ event }) => (event ? [event.name] : []))),
    attributes: once(items.flatMap(({ change }) => (change && !change.backfill ? Object.keys(change.changes) : []))),
    segments: once(items.flatMap((item) => maybeMoved(segments, item))),
    campaigns: once(items.flatMap(campaignsNamed)),
  };
}

function campaignsNamed({ type, subject, broadcast }: InboxItem): string[] {
  if (broadcast) return [broadcast.campaignId];
  return type === 'due' ? [readDue(subject).campaign] : [];
}

const once = (names: string[]) => [...new Set(names)];
