import { z } from 'zod';
import type { Dialect } from '../../dialect.ts';

const failure = z.strictObject({ success: z.literal(false), message: z.string() }).meta({ id: 'SegmentFailure' });

/** That of Segment's HTTP API: the key is a user name without a password, and whatever is wrong with a body is a 400. */
export const segmentDialect: Dialect = {
  keyOf(authorization) {
    const [, scheme = '', given = ''] = /^(Basic|Bearer) +(\S+)$/i.exec(authorization) ?? [];
    const key = scheme.toLowerCase() === 'basic' ? userOf(given) : given;
    return key || undefined;
  },
  askForKey: 'Send an API key as the write key: the user name of `Authorization: Basic`, without a password.',
  challenge: 'Basic realm="Hookline", charset="UTF-8"',
  statusOf: (status) => ([413, 415, 422].includes(status) ? 400 : status),
  failureOf: (message): z.infer<typeof failure> => ({ success: false, message }),
  failure,
};

/** RFC 7617: what stands before the first colon. */
const userOf = (credentials: string): string => Buffer.from(credentials, 'base64').toString().split(':')[0] ?? '';
