import { codesOf } from '../../api/openapi.ts';
import { problemSchema } from '../../api/problem-schema.ts';
import type { Answer, Route } from '../../api/route.ts';

/** Throws where an answer is not as its route says: a field too many counts, and one of another kind, and a code that is not named. */
export function assertAnswer(route: Route, { status, body }: Answer): void {
  const of = `${route.method} ${route.path}`;
  const problem = problemSchema.safeParse(body);
  if (problem.success) {
    const { code } = problem.data;
    if (codesOf(route).some((known) => known === code)) return;
    throw new Error(`${of} answers ${code}, which it does not name`);
  }
  const schema = route.answers[status];
  if (!schema) throw new Error(`${of} answers ${status}, which it does not name`);
  const result = schema.safeParse(body);
  if (!result.success) throw new Error(`${of} answers what it does not name: ${result.error.message}`);
}
