import { z } from 'zod';
import { bearerOf } from '../../authorization-header.ts';
import type { Dialect } from '../../dialect.ts';

/** What came of a call that was refused. */
export const refused = z.strictObject({
  success: z.literal(false),
  reqId: z.string().optional(),
  error: z.strictObject({ message: z.string() }),
});

const failure = z.strictObject({ response: z.array(refused).length(1) }).meta({ id: 'LeanplumFailure' });
const keyed = z.object({ clientKey: z.string().min(1) });

/** That of Leanplum's API: the key is the argument `clientKey`, in the query or the body. */
export const leanplumDialect: Dialect = {
  root: '/compat/leanplum',
  scheme: 'clientKey',
  keyInBody: true,
  keyOf: ({ authorization, query, body }) =>
    keyed.safeParse(body).data?.clientKey ?? keyed.safeParse(query).data?.clientKey ?? bearerOf(authorization),
  askForKey: 'Send an API key as clientKey, in the query or in the body.',
  challenge: 'Bearer',
  failureOf: (message): z.infer<typeof failure> => ({ response: [{ success: false, error: { message } }] }),
  failure,
};
