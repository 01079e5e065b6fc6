import { sql, type SQL } from 'drizzle-orm';
import type { Answer, Question } from '../domain/condition/questions.ts';
import type { Facts } from '../domain/condition/evaluate-condition.ts';
import { answerSql, conversionsSql, eventsSql, type Row } from './condition-sql.ts';
import type { Db } from './open.ts';

/** What conditions ask of a person's past; with `upTo` as it was when the person's number was that. */
export function createFacts(tx: Db, { personKey, upTo = null }: { personKey: string; upTo?: number | null }): Facts {
  const row: Row = { personKey: sql`${personKey}`, person: null, event: null, upTo, depth: 0 };
  return {
    async inSegment(segment) {
      const rows = await tx.execute(sql`
        select 1 from segment_members where segment_id = ${segment} and person_key = ${personKey}`);
      return rows.length > 0;
    },
    countEvents: (query) => count(tx, eventsSql(query, row)),
    countConversions: (query) => count(tx, conversionsSql(query, row)),
  };
}

async function count(tx: Db, from: SQL): Promise<number> {
  const [row] = await tx.execute<{ count: number }>(sql`select count(*)::int as count ${from}`);
  return row?.count ?? 0;
}

/** What questions come to for each of these people, in one look. */
export async function readAnswers(
  tx: Db,
  questions: Question[],
  personKeys: string[],
): Promise<Map<string, Map<Question, Answer>>> {
  if (questions.length === 0) return new Map();
  const rows = await tx.execute<{ key: string; answers: Answer[] }>(sql`
    select key, to_jsonb(array[${sql.join(questions.map(answerSql), sql`, `)}]) as answers
    from people where key = any(${sql.param(personKeys)}::text[])`);
  const pairs = (answers: Answer[]) =>
    questions.flatMap((question, index): [Question, Answer][] => {
      const answer = answers[index];
      return answer === undefined ? [] : [[question, answer]];
    });
  return new Map(rows.map(({ key, answers }) => [key, new Map(pairs(answers))]));
}
