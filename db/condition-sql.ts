import { sql, type SQL } from 'drizzle-orm';
import type { Count } from '../domain/condition/performed.ts';
import type { Predicate } from '../domain/condition/predicate.ts';
import type { Question } from '../domain/condition/questions.ts';
import { people } from './schema/people.ts';
import { momentSql, testSql } from './test-sql.ts';

/** What a predicate is asked of: a person, and inside of `performed` one of their events. */
export type Row = {
  personKey: SQL;
  /** `customer`; null where it was decided before. */
  person: { id: SQL; attributes: SQL } | null;
  /** The alias of `events`. */
  event: SQL | null;
  /** The last of the person's events that counts, by number. */
  upTo: number | null;
  depth: number;
};

const EACH_PERSON: Row = {
  personKey: sql`${people.key}`,
  person: { id: sql`${people.id}`, attributes: sql`${people.attributes}` },
  event: null,
  upTo: null,
  depth: 0,
};

/**
 * A predicate as a boolean expression over a row of `people`, never null, that means what it means in memory. All values are bound:
 * the text of the statement depends on the shape of the condition alone.
 */
export function conditionSql(predicate: Predicate, row: Row = EACH_PERSON): SQL<boolean> {
  switch (predicate.type) {
    case 'known':
      return sql`${predicate.holds}::boolean`;
    case 'all':
    case 'any': {
      const parts = predicate.parts.map((part) => conditionSql(part, row));
      const isAll = predicate.type === 'all';
      if (parts.length === 0) return sql`${isAll}::boolean`;
      return sql`(${sql.join(parts, isAll ? sql` and ` : sql` or `)})`;
    }
    case 'not':
      return sql`(not ${conditionSql(predicate.part, row)})`;
    case 'test':
      return testSql(predicate.operator, valueSql(predicate.keys, row), predicate.operand);
    case 'moment':
      return momentSql(predicate.operator, valueSql(predicate.keys, row), predicate.at);
    case 'clock': {
      const { zones, usual } = predicate;
      const others = [...zones].filter(([, { holds }]) => holds !== usual.holds).map(([zone]) => zone);
      const value = valueSql(['customer', 'timezone'], row);
      const isOther = sql`coalesce(jsonb_typeof(${value}) = 'string' and (${value} #>> '{}') = any(${sql.param(others)}::text[]), false)`;
      return sql`(${isOther} <> ${usual.holds}::boolean)`;
    }
    case 'segment':
      return anySql(
        sql`from segment_members where segment_id = ${predicate.segment} and person_key = ${row.personKey}`,
      );
    case 'performed':
      return countSql(eventsSql(predicate, row), predicate.count);
    case 'converted':
      return countSql(conversionsSql(predicate, row), predicate.count);
  }
}

/** What a question comes to for a row of `people`, as `jsonb`: membership, or a count. */
export function answerSql(question: Question): SQL {
  switch (question.type) {
    case 'segment':
      return sql`to_jsonb(${conditionSql(question)})`;
    case 'performed':
      return sql`(select to_jsonb(count(*)) ${eventsSql(question, EACH_PERSON)})`;
    case 'converted':
      return sql`(select to_jsonb(count(*)) ${conversionsSql(question, EACH_PERSON)})`;
  }
}

/** `from events …`: those that a `performed` counts. */
export function eventsSql(
  { event, where, since }: Pick<Extract<Predicate, { type: 'performed' }>, 'event' | 'where' | 'since'>,
  row: Row,
): SQL {
  const depth = row.depth + 1;
  const alias = sql.identifier(`event_${depth}`);
  const conditions = [
    sql`${alias}.person_key = ${row.personKey}`,
    sql`${alias}.name = ${event}`,
    ...(row.upTo === null ? [] : [sql`${alias}.number <= ${row.upTo}::bigint`]),
    ...(since ? [sql`${alias}.timestamp >= ${since.toISOString()}::timestamptz`] : []),
    ...(where ? [conditionSql(where, { ...row, event: sql`${alias}`, depth })] : []),
  ];
  return sql`from events as ${alias} where ${sql.join(conditions, sql` and `)}`;
}

/** `from conversions …`: those that a `converted` counts. */
export function conversionsSql(
  { campaign, since }: Pick<Extract<Predicate, { type: 'converted' }>, 'campaign' | 'since'>,
  row: Row,
): SQL {
  const from = sql`from conversions where person_key = ${row.personKey} and campaign_id = ${campaign}`;
  return since ? sql`${from} and at >= ${since.toISOString()}::timestamptz` : from;
}

const COMPARISONS = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** For `exists` Postgres may read a whole table first, for each page anew; this it looks up person by person. */
const anySql = (from: SQL): SQL<boolean> => sql`((select true ${from} limit 1) is not null)`;

function countSql(from: SQL, count: Count): SQL<boolean> {
  const { gte, ...others } = count;
  if (gte === 1 && Object.keys(others).length === 0) return anySql(from);
  const bounds = Object.entries(COMPARISONS).flatMap(([operator, sign]) => {
    const bound = Object.entries(count).find(([name]) => name === operator)?.[1];
    return bound === undefined ? [] : [sql`times ${sql.raw(sign)} ${bound}::bigint`];
  });
  return sql`(select ${sql.join(bounds, sql` and `)} from (select count(*) as times ${from}) as counted)`;
}

/** What stands at a path, as `jsonb`; SQL's null where it is missing. */
function valueSql([root, first = '', ...rest]: string[], { person, event }: Row): SQL {
  if (root === 'customer' && person) {
    const start = first === 'id' ? sql`to_jsonb(${person.id})` : childSql(person.attributes, first);
    return rest.reduce(childSql, start);
  }
  if (root === 'event' && event) {
    const own = childSql(sql`${event}.data`, first);
    return rest.reduce(childSql, first === 'name' ? sql`coalesce(${own}, to_jsonb(${event}.name))` : own);
  }
  throw new Error(`"${root}" was not decided before, and no row has it`);
}

const INDEX = /^(?:0|[1-9]\d{0,8})$/;

/** `->` with a text finds keys of objects alone; `#>` finds items of lists too, but also at `-1` and `01`, which are no places. */
const childSql = (value: SQL, key: string): SQL =>
  INDEX.test(key) ? sql`(${value} #> array[${key}::text])` : sql`(${value} -> ${key}::text)`;
