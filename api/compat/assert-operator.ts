import { HooklineError } from '../../domain/errors.ts';
import type { Caller } from '../route.ts';

/** What a key may not do by a route of its own it does not by way of another route either. */
export function assertOperator({ scope }: Caller, path: string, what: string): void {
  if (scope !== 'ingest') return;
  const message = `${what}, which needs a key with the scope operate`;
  throw new HooklineError('auth.scope', message, { errors: [{ path, message }] });
}
