import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { HooklineError } from '../domain/errors.ts';
import { SCOPES, type Scope } from './route.ts';

/** Lets a request pass whose `Authorization: Bearer <key>` is a key with the scope. Compared in constant time. */
export function authorize(adminKey: string): (scope: Scope) => RequestHandler {
  const known = [{ digest: digest(adminKey), scope: 'admin' as Scope }];
  return (scope) => (request, _response, next) => {
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
    next();
  };
}

const digest = (key: string) => createHash('sha256').update(key).digest();
