import type { RequestHandler, Response } from 'express';
import { HooklineError } from '../domain/errors.ts';
import { bearerOf } from './authorization-header.ts';
import type { Dialect } from './dialect.ts';
import type { KeyRing, KnownKey } from './key-ring.ts';
import type { Quota } from './quota.ts';
import { SCOPES, type Caller, type Scope } from './route.ts';

const ACTOR = 'write at most 255 printable characters';

/** Who calls where no key is asked for. */
export const NOBODY: Caller = { key: '', keyId: '', scope: 'ingest', actor: null };

const HOUSE: Pick<Dialect, 'keyOf' | 'askForKey'> = {
  keyOf: ({ authorization }) => bearerOf(authorization),
  askForKey: 'Send an API key in the header `Authorization: Bearer <key>`.',
};

/**
 * Lets a request pass whose `Authorization: Bearer <key>`, or what a dialect has for it, is a key with the scope, within its rate, and
 * leaves in `response.locals.caller` who that is: of a key that is known also where it is refused, for the log.
 */
export function authorize(keys: Pick<KeyRing, 'find'>, now: () => Date) {
  return (scope: Scope, { keyOf, askForKey }: Pick<Dialect, 'keyOf' | 'askForKey'> = HOUSE): RequestHandler =>
    (request, response, next) => {
      const authorization = request.get('authorization') ?? '';
      const given = keyOf({ authorization, query: request.query, body: response.locals.sent });
      if (given === undefined) throw new HooklineError('auth.missing', askForKey);
      const key = keys.find(given);
      if (!key)
        throw new HooklineError('auth.invalid', 'This API key is not known here. Check for a cut or outdated key.');
      if (key.expiresAt && key.expiresAt <= now()) {
        throw new HooklineError(
          'auth.invalid',
          `This API key expired at ${key.expiresAt.toISOString()}. Take a new one.`,
        );
      }
      const caller: Caller = { key: key.name, keyId: key.id, scope: key.scope, actor: null };
      response.locals.caller = caller;
      count(key, response, now());
      if (SCOPES.indexOf(key.scope) < SCOPES.indexOf(scope)) {
        throw new HooklineError('auth.scope', `This needs a key with the scope ${scope}; yours has ${key.scope}.`);
      }
      response.locals.caller = { ...caller, actor: actorOf(request.get('x-hookline-actor')) } satisfies Caller;
      next();
    };
}

/** Tells what the key may still ask for, as draft-ietf-httpapi-ratelimit-headers-10 has it, and refuses what is beyond. */
function count(key: KnownKey, response: Response, now: Date): void {
  const quota = key.quota?.(now.getTime());
  if (!quota) return;
  response.set(quotaHeaders(quota));
  if (quota.allowed) return;
  response.set('Retry-After', String(quota.retryAfterS));
  const message = `This API key may send ${quota.limit} requests in ${quota.windowS} s. Send the next in ${quota.retryAfterS} s.`;
  throw new HooklineError('auth.rate_limited', message);
}

const quotaHeaders = ({ limit, windowS, remaining, resetS }: Quota) => ({
  'RateLimit-Policy': `"key";q=${limit};w=${windowS}`,
  RateLimit: `"key";r=${remaining};t=${resetS}`,
});

function actorOf(header: string | undefined): string | null {
  const actor = header?.trim();
  if (!actor) return null;
  if (/^[\x20-\x7e\xa0-\xff]{1,255}$/.test(actor)) return actor;
  const errors = [{ path: 'X-Hookline-Actor', message: ACTOR }];
  throw new HooklineError('input.invalid', `The header X-Hookline-Actor is wrong: ${ACTOR}.`, { errors });
}
