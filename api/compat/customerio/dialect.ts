import { z } from 'zod';
import { basicOf, bearerOf } from '../../authorization-header.ts';
import type { Dialect } from '../../dialect.ts';

const failure = z.strictObject({ meta: z.strictObject({ error: z.string() }) }).meta({ id: 'CustomerioFailure' });

/** That of Customer.io's Track and App API: the key is the password, whoever the user is, or a bearer token. */
export const customerioDialect: Dialect = {
  root: '/compat/customerio',
  scheme: 'basic',
  keyOf: ({ authorization }) => basicOf(authorization)?.password || bearerOf(authorization),
  askForKey:
    'Send an API key as the password of `Authorization: Basic`, with any site id, or as `Authorization: Bearer`.',
  challenge: 'Basic realm="Hookline", charset="UTF-8"',
  failureOf: (message): z.infer<typeof failure> => ({ meta: { error: message } }),
  failure,
};
