import { z } from 'zod';
import { basicOf, bearerOf } from '../../authorization-header.ts';
import type { Dialect } from '../../dialect.ts';

const failure = z.strictObject({ success: z.literal(false), message: z.string() }).meta({ id: 'SegmentFailure' });

/** That of Segment's HTTP API: the key is a user name without a password, and whatever is wrong with a body is a 400. */
export const segmentDialect: Dialect = {
  root: '/compat/segment',
  scheme: 'basic',
  keyOf: ({ authorization }) => basicOf(authorization)?.user || bearerOf(authorization),
  askForKey: 'Send an API key as the write key: the user name of `Authorization: Basic`, without a password.',
  challenge: 'Basic realm="Hookline", charset="UTF-8"',
  failureOf: (message): z.infer<typeof failure> => ({ success: false, message }),
  failure,
};
