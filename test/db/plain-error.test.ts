import { DrizzleQueryError } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { plainError } from '../../db/plain-error.ts';

/** As Node gives it where a name has two addresses and neither answers. */
const refused = () =>
  Object.assign(
    new AggregateError(
      [new Error('connect ECONNREFUSED ::1:5432'), new Error('connect ECONNREFUSED 127.0.0.1:5432')],
      '',
    ),
    { code: 'ECONNREFUSED' },
  );

describe('a plain error', () => {
  it.each([
    ['of several', refused(), 'connect ECONNREFUSED ::1:5432, connect ECONNREFUSED 127.0.0.1:5432'],
    ['with a code alone', Object.assign(new Error(), { code: 'EPIPE' }), 'EPIPE'],
    ['with nothing', new Error(), 'it gave no reason'],
    ['with a message', new Error('too late'), 'too late'],
    ['that is none', 'too late', 'too late'],
  ])('%s says why', (_, thrown, message) => {
    expect(plainError(thrown).message).toBe(message);
  });

  it('of a failed query says why without the query, and has its code', () => {
    const failed = plainError(new DrizzleQueryError('select $1', ['hunter2'], refused()));
    expect(failed).toMatchObject({ message: expect.stringMatching(/^the database failed: connect E.*, connect E/) });
    expect(failed).toMatchObject({ code: 'ECONNREFUSED' });
    const several = plainError(new AggregateError([new DrizzleQueryError('select $1', ['hunter2'], new Error('no'))]));
    expect(several.message).toBe('the database failed: no');
    expect(JSON.stringify([failed.stack, several.stack])).not.toContain('hunter2');
  });
});
