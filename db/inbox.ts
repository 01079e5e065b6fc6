import { and, asc, eq, gt, lte, sql } from 'drizzle-orm';
import type { Move } from './members.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import { broadcasts } from './schema/campaigns.ts';
import { attributeChanges, events, inbox, people, waiting, type InboxType } from './schema/people.ts';

export type EventRow = typeof events.$inferSelect;
export type BroadcastRow = typeof broadcasts.$inferSelect;
export type ChangeRow = typeof attributeChanges.$inferSelect;

/** What waits to be matched, with what it names; that is null where it is gone. */
export type InboxItem = {
  number: number;
  type: InboxType;
  subject: string;
  event: EventRow | null;
  broadcast: BroadcastRow | null;
  change: ChangeRow | null;
  /** The attributes that an event came with. They were merged before it counts, though their change stands behind it. */
  brought: string[];
};

const FAILED_PAUSE = '10 s';

/** People for whom something waits, those with events first, longest due first. A glance without locks: `claimPerson` decides who takes them. */
export async function listWaitingPeople(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .select({ key: waiting.personKey })
    .from(waiting)
    .where(lte(waiting.dueAt, sql`now()`))
    .orderBy(waiting.lane, waiting.dueAt)
    .limit(limit);
  return rows.map((row) => row.key);
}

/** A person who is held, and the first of what waits for them, in order. */
export type ClaimedPerson = {
  person: PersonRow;
  items: InboxItem[];
  /** Up to which number each segment is right already, where a difference that was found then is still to be told. */
  told: Map<string, number>;
};

/** Locks the person until the transaction ends and reads what waits for them, in order; undefined where another relay has them. */
export async function claimPerson(tx: Db, key: string, limit: number): Promise<ClaimedPerson | undefined> {
  // Sent together, run in this order: what waits is read when the person is held.
  const [[person], items] = await Promise.all([
    tx.select().from(people).where(eq(people.key, key)).for('no key update', { skipLocked: true }),
    tx
      .select({
        number: inbox.number,
        type: inbox.type,
        subject: inbox.subject,
        event: events,
        broadcast: broadcasts,
        change: attributeChanges,
      })
      .from(inbox)
      .leftJoin(events, and(eq(inbox.type, 'event'), eq(events.id, inbox.subject)))
      .leftJoin(broadcasts, and(eq(inbox.type, 'trigger'), eq(broadcasts.id, inbox.subject)))
      .leftJoin(
        attributeChanges,
        and(
          eq(inbox.type, 'change'),
          eq(attributeChanges.personKey, inbox.personKey),
          eq(attributeChanges.number, inbox.number),
        ),
      )
      .where(eq(inbox.personKey, key))
      .orderBy(asc(inbox.number))
      .limit(limit),
  ]);
  if (!person) return undefined;
  const behind = items.length === limit ? (items.at(-1)?.number ?? null) : null;
  const [brought, told] = await Promise.all([
    attributesBrought(tx, key, items, behind),
    differencesTold(tx, key, items, behind),
  ]);
  return { person, items: items.map((item) => ({ ...item, brought: brought.get(item.event?.id) ?? [] })), told };
}

/** The segments of which a difference is still to be told, each with the number of that, also where it is not among these items. */
async function differencesTold(
  tx: Db,
  key: string,
  items: Pick<InboxItem, 'type' | 'subject' | 'number'>[],
  behind: number | null,
): Promise<Map<string, number>> {
  const rest =
    behind === null
      ? []
      : await tx
          .select({ type: inbox.type, subject: inbox.subject, number: inbox.number })
          .from(inbox)
          .where(and(eq(inbox.personKey, key), gt(inbox.number, behind), eq(inbox.type, 'segment')))
          .orderBy(asc(inbox.number));
  const all = [...items, ...rest].filter(({ type }) => type === 'segment');
  return new Map(all.map(({ subject, number }) => [readDifference(subject).segment, number]));
}

/** The subject of an item `segment`: `<segment>/<change>`. */
export function readDifference(subject: string): Move {
  const [segment = '', change] = subject.split('/');
  return { segment, change: change === 'leave' ? 'leave' : 'enter' };
}

/** For what these people, who are held, enter by a move that a sweep has found and that is still to be told; the latest of each. */
export async function listUntold(tx: Db, move: Move, keys: string[]): Promise<Map<string, string>> {
  const isTheirs = sql`${inbox.personKey} = any(${sql.param(keys)}::text[])`;
  const rows = await tx
    .select({ key: inbox.personKey, number: inbox.number })
    .from(inbox)
    .where(and(isTheirs, eq(inbox.type, 'segment'), eq(inbox.subject, `${move.segment}/${move.change}`)))
    .orderBy(asc(inbox.number));
  return new Map(rows.map(({ key, number }) => [key, causeOfMove(move, number)]));
}

/** What somebody enters for who has come to a segment, or left it, by the item of that number. */
export const causeOfMove = ({ segment, change }: Move, number: number) => `segment/${segment}/${change}/${number}`;

/** The names of the attributes that came with events, by their ids, also where the change is not among these items. */
async function attributesBrought(
  tx: Db,
  key: string,
  items: Omit<InboxItem, 'brought'>[],
  behind: number | null,
): Promise<Map<string | undefined, string[]>> {
  const ids = items.flatMap(({ event }) => (event ? [event.id] : []));
  const changes = items.flatMap(({ change }) => (change ? [change] : []));
  if (behind !== null && ids.length > 0) {
    const isBehindAll = gt(attributeChanges.number, behind);
    const isTheirs = sql`cause ->> 'type' = 'event' and cause ->> 'id' = any(${sql.param(ids)}::text[])`;
    changes.push(
      ...(await tx
        .select()
        .from(attributeChanges)
        .where(and(eq(attributeChanges.personKey, key), isBehindAll, isTheirs))),
    );
  }
  return new Map(
    changes.flatMap(({ cause, changes: each }) => (cause.type === 'event' ? [[cause.id, Object.keys(each)]] : [])),
  );
}

/**
 * Whether something of a person that came by a moment, or has at most a number, is still to be matched; with `events` only those of
 * these names, with `type` only that. Somebody who could not be matched is not waited for: nobody knows when that works again.
 */
export async function isBehind(
  tx: Db,
  personKey: string,
  by: Date | number,
  { events: names, type }: { events?: string[]; type?: InboxType } = {},
): Promise<boolean> {
  const isMeant =
    typeof by === 'number'
      ? sql`inbox.number <= ${by}`
      : sql`(inbox.type = 'segment' or coalesce(events.received_at, changes.at) <= ${by.toISOString()}::timestamptz)`;
  const rows = await tx.execute(sql`
    select from inbox
    join waiting on waiting.person_key = inbox.person_key and waiting.due_at <= clock_timestamp()
    left join events on inbox.type = 'event' and events.id = inbox.subject
    left join attribute_changes as changes
      on inbox.type = 'change' and changes.person_key = inbox.person_key and changes.number = inbox.number
    where inbox.person_key = ${personKey} and ${isMeant}
      ${names ? sql`and events.name = any(${sql.param(names)}::text[])` : sql``}
      ${type ? sql`and inbox.type = ${type}` : sql``}
    limit 1`);
  return rows.length > 0;
}

/** Deletes a person's items up to `lastNumber`. Where others may be left, the person lines up again behind everybody of the lane. */
export async function finishItems(
  tx: Db,
  personKey: string,
  { lastNumber, mayHaveMore }: { lastNumber: number; mayHaveMore: boolean },
): Promise<void> {
  const rest = mayHaveMore
    ? sql`update waiting set due_at = now() where person_key = ${personKey}`
    : sql`delete from waiting where person_key = ${personKey}`;
  await tx.execute(sql`
    with done as (delete from inbox where person_key = ${personKey} and number <= ${lastNumber})
    ${rest}`);
}

/** Who could not be matched waits a little, and then in the last lane: however many they are, everybody else goes on. */
export async function postponePerson(db: Db, personKey: string): Promise<void> {
  await db
    .update(waiting)
    .set({ lane: 1, dueAt: sql`now() + ${FAILED_PAUSE}::interval` })
    .where(eq(waiting.personKey, personKey));
}
