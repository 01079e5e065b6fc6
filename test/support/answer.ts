import type { Answer, Route } from '../../api/route.ts';

/** Throws where an answer is not as its route says: a field too many counts, and one of another kind. */
export function assertAnswer({ method, path, answers }: Route, { status, body }: Answer): void {
  const schema = answers[status];
  if (!schema) throw new Error(`${method} ${path} answers ${status}, which it does not name`);
  const result = schema.safeParse(body);
  if (!result.success) throw new Error(`${method} ${path} answers what it does not name: ${result.error.message}`);
}
