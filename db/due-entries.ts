import { and, eq, sql } from 'drizzle-orm';
import type { DateOccurrence } from '../domain/time/date-trigger.ts';
import { holdFree } from './leave-items.ts';
import type { Db } from './open.ts';
import { campaigns, dueEntries } from './schema/campaigns.ts';

const FIRED_AT_ONCE = 500;

/** The occurrences of one person in a campaign that starts by dates. */
export type Dates = { personKey: string; occurrences: DateOccurrence[] };

/**
 * Brings what is due for people, who are held, in one campaign in line with their dates. What has fired stays as it is, so that it
 * never fires again; what is new, or has moved, and had passed by a moment is kept as if it had.
 */
export async function writeDates(
  tx: Db,
  campaign: string,
  dates: Dates[],
  { passedBy = null }: { passedBy?: Date | null } = {},
): Promise<void> {
  if (dates.length === 0) return;
  const passed = sql`${passedBy?.toISOString() ?? null}::timestamptz`;
  const keys = dates.map(({ personKey }) => personKey);
  const rows = dates.flatMap(({ personKey, occurrences }) => occurrences.map((one) => ({ personKey, ...one })));
  await tx.execute(sql`
    with wanted as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as row ("personKey" text, occurrence text, "dueAt" timestamptz)
    ), gone as (
      delete from due_entries as d
      where campaign_id = ${campaign} and person_key = any(${sql.param(keys)}::text[]) and fired_at is null and broadcast_id is null
        and not exists (select from wanted where "personKey" = d.person_key and occurrence = d.occurrence)
    )
    insert into due_entries as d (campaign_id, person_key, occurrence, due_at, fired_at)
    select ${campaign}, "personKey", occurrence, "dueAt", case when "dueAt" <= ${passed} then ${passed} end from wanted
    on conflict (campaign_id, person_key, occurrence) do update set due_at = excluded.due_at, fired_at = excluded.fired_at
    where d.fired_at is null and d.broadcast_id is null and d.due_at <> excluded.due_at`);
}

/** Whether somebody has a date for a campaign, or had one when it was last gone through: a filter of people. */
export const mayBeDue = (campaign: string, attribute: string | null) => sql`(
  ${attribute === null ? sql`false` : sql`attributes ? ${attribute}`} or exists (
    select from due_entries
    where campaign_id = ${campaign} and person_key = people.key and fired_at is null and broadcast_id is null))`;

/** The campaigns that run and start by one of these attributes, or, where the zone of a person has changed, by any date. */
export async function listDateCampaigns(tx: Db, names: string[]): Promise<{ campaign: string; version: number }[]> {
  return tx
    .select({ campaign: campaigns.id, version: campaigns.version })
    .from(campaigns)
    .where(
      and(
        eq(campaigns.triggerType, 'date'),
        sql`${campaigns.state} in ('live', 'paused')`,
        names.includes('timezone') ? undefined : sql`${campaigns.triggerName} = any(${sql.param(names)}::text[])`,
      ),
    )
    .orderBy(campaigns.id);
}

export type DueRow = typeof dueEntries.$inferSelect;

/** What an item `due` is about, by its subject: `<campaign>/<occurrence>`. */
export function readDue(subject: string): { campaign: string; occurrence: string } {
  const end = subject.indexOf('/');
  return { campaign: subject.slice(0, end), occurrence: subject.slice(end + 1) };
}

export async function findDue(tx: Db, personKey: string, subject: string): Promise<DueRow | undefined> {
  const { campaign, occurrence } = readDue(subject);
  const [row] = await tx
    .select()
    .from(dueEntries)
    .where(isEntry({ campaignId: campaign, personKey, occurrence }));
  return row;
}

/** Forgets an entry of a person who is held, as if it had never been due. */
export async function forgetDue(tx: Db, entry: DueRow): Promise<void> {
  await tx.delete(dueEntries).where(isEntry(entry));
}

const isEntry = ({ campaignId, personKey, occurrence }: Pick<DueRow, 'campaignId' | 'personKey' | 'occurrence'>) =>
  and(
    eq(dueEntries.campaignId, campaignId),
    eq(dueEntries.personKey, personKey),
    eq(dueEntries.occurrence, occurrence),
  );

/**
 * Leaves an item for each entry by a date that has become due, in one transaction with the note that it has fired: once, whoever looks and whoever
 * dies meanwhile. People whom somebody else holds come with the next look. Answers how many have fired.
 */
export async function fireDue(db: Db, now: Date): Promise<number> {
  const at = sql`${now.toISOString()}::timestamptz`;
  return db.transaction(async (tx) => {
    const rows = await tx.execute<{ key: string }>(sql`
      select person_key as key from due_entries
      where fired_at is null and broadcast_id is null and due_at <= ${at} order by due_at limit ${FIRED_AT_ONCE}`);
    const held = await holdFree(tx, [...new Set(rows.map(({ key }) => key))]);
    if (held.length === 0) return 0;
    const fired = await tx.execute(sql`
      with due as (
        update due_entries set fired_at = ${at}
        where fired_at is null and broadcast_id is null and due_at <= ${at}
          and person_key = any(${sql.param(held)}::text[])
        returning campaign_id, person_key, occurrence, due_at
      ), ordered as (
        select *, row_number() over (partition by person_key order by due_at, campaign_id) as turn from due
      ), person as (
        update people set last_number = last_number + times
        from (select person_key, max(turn) as times from ordered group by person_key) as own where key = person_key
        returning key, last_number - times as before
      ), item as (
        insert into inbox (person_key, number, type, subject)
        select key, before + turn, 'due', campaign_id || '/' || occurrence from ordered join person on key = person_key
      ), waits as (
        insert into waiting (person_key, lane, due_at) select key, 1, now() from person
        on conflict (person_key) do nothing
      )
      select from due`);
    return fired.length;
  });
}
