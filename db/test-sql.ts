import { sql, type SQL } from 'drizzle-orm';
import type { MomentOperator, ValueOperator } from '../domain/condition/operators.ts';
import type { Json } from '../domain/json.ts';

/** Texts that count as numbers, as `domain/condition/operators.ts` has it. */
const NUMERIC = '^-?[0-9]{1,15}([.][0-9]{1,15})?$';

/** Whether an operator holds for a value of `jsonb`, missing where it is SQL's null; true or false, never null. */
export function testSql(operator: ValueOperator, value: SQL, operand: Json): SQL<boolean> {
  switch (operator) {
    case 'exists':
      return sql`((${value} is not null) = ${operand === true}::boolean)`;
    case 'eq':
      return sql`coalesce(${value} = ${JSON.stringify(operand)}::jsonb, false)`;
    case 'in':
      return sql`coalesce(${value} = any(select jsonb_array_elements(${JSON.stringify(operand)}::jsonb)), false)`;
    case 'contains':
      return containsSql(value, operand);
    case 'ne':
      return sql`(not ${testSql('eq', value, operand)})`;
    case 'notIn':
      return sql`(not ${testSql('in', value, operand)})`;
    case 'notContains':
      return sql`(not ${testSql('contains', value, operand)})`;
    case 'startsWith':
      return ifText(value, sql`starts_with(${textOf(value)}, ${operand}::text)`);
    case 'endsWith':
      return ifText(value, sql`right(${textOf(value)}, length(${operand}::text)) = ${operand}::text`);
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return comparisonSql(sql.raw(SIGNS[operator]), value, operand);
  }
}

const SIGNS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

const textOf = (value: SQL): SQL => sql`(${value} #>> '{}')`;

/** Only `case` keeps Postgres from casting first what the guard is there for. */
const ifText = (value: SQL, holds: SQL): SQL<boolean> =>
  sql`case jsonb_typeof(${value}) when 'string' then ${holds} else false end`;

/** Positions and lengths are found literally: neither `%` nor `_` nor `\` means more than itself. */
function containsSql(value: SQL, operand: Json): SQL<boolean> {
  const item = sql`exists (
    select 1 from jsonb_array_elements(${value}) as item (value) where item.value = ${JSON.stringify(operand)}::jsonb)`;
  const inText = typeof operand === 'string' ? sql`strpos(${textOf(value)}, ${operand}::text) > 0` : sql`false`;
  return sql`case jsonb_typeof(${value}) when 'array' then ${item} when 'string' then ${inText} else false end`;
}

/** Numbers compare exactly; a text that counts as one has the value of the double that it is in memory. */
function comparisonSql(sign: SQL, value: SQL, operand: Json): SQL<boolean> {
  const number = numberOf(operand);
  const asNumber = number === undefined ? sql`false` : sql`(${value})::numeric ${sign} ${number}::numeric`;
  const asText =
    typeof operand === 'string'
      ? sql`${textOf(value)} collate "C" ${sign} ${operand}::text`
      : sql`case when ${textOf(value)} ~ ${sql.raw(`'${NUMERIC}'`)} then ${textOf(value)}::float8 ${sign} ${number}::float8 else false end`;
  return sql`case jsonb_typeof(${value}) when 'number' then ${asNumber} when 'string' then ${asText} else false end`;
}

/** A number as Postgres reads it, of a number or a text that counts as one. */
function numberOf(operand: Json): string | undefined {
  if (typeof operand === 'number') return String(operand);
  return typeof operand === 'string' && new RegExp(NUMERIC).test(operand) ? String(Number(operand)) : undefined;
}

/** A real day as `domain/condition/instant.ts` reads it, with its time: what matches can be cast. */
const DATE = [
  '[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))',
  '([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29',
].join('|');
const TIME = '([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?';
const ZONE = '(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])';
const INSTANT = `^(?!0000)(${DATE})(T${TIME}${ZONE}?)?$`;

/** Whether a text is a time before or after a moment. Postgres rounds fractions and knows no zone beyond ±15:59: both are taken off first. */
export function momentSql(operator: MomentOperator, value: SQL, at: Date): SQL<boolean> {
  const text = textOf(value);
  const day = sql`left(${text}, 10)::timestamp`;
  const time = sql`coalesce(substring(${text} from 'T([0-9:]+([.][0-9]{1,3})?)'), '0')::interval`;
  const zone = sql`coalesce(substring(${text} from '[+-][0-9]{2}:[0-9]{2}$'), '0')::interval`;
  const sign = sql.raw(operator === 'before' ? '<' : '>');
  const holds = sql`extract(epoch from ${day} + ${time} - ${zone}) * 1000 ${sign} ${at.getTime()}::numeric`;
  return ifText(value, sql`case when ${text} ~ ${sql.raw(`'${INSTANT}'`)} then ${holds} else false end`);
}
