import { isPast } from '../domain/campaign/entry.ts';
import { judgeCondition, judgeEvent, type WaitContext } from '../db/wait-judgement.ts';
import { closeWait, listOpenWaits } from '../db/waits.ts';
import type { InboxItem } from '../db/inbox.ts';
import type { PersonRow } from '../db/people.ts';

/**
 * Tells the waits of a person, who is held, what has happened: an event may end those for it, and whatever it is may fulfil a
 * condition, or move a time that follows from the person.
 */
export async function tellWaits(context: WaitContext, person: PersonRow, item: InboxItem): Promise<void> {
  if (item.change?.backfill || (item.event && isPast(item.event))) return;
  for (const wait of await listOpenWaits(context.tx, person.key)) {
    if (wait.kind === 'time') {
      continue;
    }
    const end =
      wait.kind === 'condition'
        ? await judgeCondition(context, wait, item.number)
        : item.event && (await judgeEvent(context, wait, item.event));
    if (end) await closeWait(context.tx, wait, end, { wake: true });
  }
}
