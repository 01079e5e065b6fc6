import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { HooklineError } from '../domain/errors.ts';
import { SCOPES, type Caller, type Scope } from './route.ts';

const ACTOR = 'write at most 255 printable characters';

/** Who calls where no key is asked for. */
export const NOBODY: Caller = { key: '', scope: 'ingest', actor: null };

/**
 * Lets a request pass whose `Authorization: Bearer <key>` is a key with the scope, and leaves in `response.locals.caller` who that is.
 * Compared in constant time.
 */
export function authorize(adminKey: string): (scope: Scope) => RequestHandler {
  const known = [{ digest: digest(adminKey), name: 'admin', scope: 'admin' as Scope }];
  return (scope) => (request, response, next) => {
    const given = /^Bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
    if (given === undefined) {
      throw new HooklineError('auth.missing', 'Send an API key in the header `Authorization: Bearer <key>`.');
    }
    const key = known.find((candidate) => timingSafeEqual(candidate.digest, digest(given)));
    if (!key)
      throw new HooklineError('auth.invalid', 'This API key is not known here. Check for a cut or outdated key.');
    if (SCOPES.indexOf(key.scope) < SCOPES.indexOf(scope)) {
      throw new HooklineError('auth.scope', `This needs a key with the scope ${scope}; yours has ${key.scope}.`);
    }
    const caller: Caller = { key: key.name, scope: key.scope, actor: actorOf(request.get('x-hookline-actor')) };
    response.locals.caller = caller;
    next();
  };
}

function actorOf(header: string | undefined): string | null {
  const actor = header?.trim();
  if (!actor) return null;
  if (/^[\x20-\x7e\xa0-\xff]{1,255}$/.test(actor)) return actor;
  const errors = [{ path: 'X-Hookline-Actor', message: ACTOR }];
  throw new HooklineError('input.invalid', `The header X-Hookline-Actor is wrong: ${ACTOR}.`, { errors });
}

const digest = (key: string) => createHash('sha256').update(key).digest();
