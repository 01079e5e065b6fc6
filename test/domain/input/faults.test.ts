import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { HooklineError } from '../../../domain/errors.ts';
import { parseInput, placeOf } from '../../../domain/input/faults.ts';
import { hint, nearest } from '../../../domain/input/nearest.ts';
import { webhookSchema } from '../../../domain/campaign/webhook.ts';

function faultsOf(schema: z.ZodType, value: unknown, prefix?: string): string[] {
  try {
    parseInput(schema, value, prefix === undefined ? {} : { prefix });
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    expect(error.code).toBe('input.invalid');
    return error.errors.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

describe('an input', () => {
  const person = z.strictObject({
    id: z.string().min(1).max(5),
    age: z.int().min(0).max(150).optional(),
    tags: z
      .array(z.enum(['vip', 'trial']))
      .max(2)
      .optional(),
    suppressed: z.boolean().optional(),
  });

  it('that fits comes back typed', () => {
    expect(parseInput(person, { id: 'ada', tags: ['vip'] })).toEqual({ id: 'ada', tags: ['vip'] });
  });

  it('is refused with every fault, its place and what to write', () => {
    const input = { id: '', age: 7.5, tags: ['vpi', 'gold'], supressed: true, colour: 1, x: 2 };
    expect(faultsOf(person, input)).toEqual([
      'id: must not be empty',
      'age: must be a whole number, not 7.5',
      'tags[0]: "vpi" is not known; did you mean "vip"?',
      'tags[1]: "gold" is not known; use vip or trial',
      'supressed: unknown key "supressed"; did you mean "suppressed"?',
      'colour: unknown key "colour"; use id, age, tags or suppressed',
      'x: unknown key "x"; use id, age, tags or suppressed',
    ]);
  });

  it.each([
    [undefined, ': is missing; write an object'],
    [[], ': must be an object, not a list'],
    [null, ': must be an object, not null'],
    [{}, 'id: is missing; write a string'],
    [{ id: 5 }, 'id: must be a string, not a number'],
    [{ id: 'abcdef' }, 'id: must have at most 5 characters'],
    [{ id: 'a', age: -1 }, 'age: must be at least 0'],
    [{ id: 'a', tags: ['vip', 'vip', 'vip'] }, 'tags: must have at most 2 items'],
    [{ id: 'a', suppressed: 'no' }, 'suppressed: must be true or false, not a string'],
  ])('%j says "%s"', (input, fault) => {
    expect(faultsOf(person, input)).toEqual([fault]);
  });

  it('has its places after a prefix', () => {
    expect(faultsOf(person, {}, 'people[3]')).toEqual(['people[3].id: is missing; write a string']);
  });

  it('sums up in the message', () => {
    expect(() => parseInput(person, {})).toThrow('the input is invalid: id: is missing; write a string');
    expect(() => parseInput(person, { x: 1 })).toThrow('the input has 2 faults, first id: is missing; write a string');
  });
});

describe('a choice', () => {
  const faults = (fields: object) => faultsOf(webhookSchema, { url: 'https://example.com', ...fields });

  it.each([
    [{ body: 'text' }, []],
    [{ body: { json: [1, { a: null }] } }, []],
    [{ body: 5 }, ['body: write exactly one of a string, { json }, { form }, { data } or { text }']],
    [{ body: {} }, ['body: write exactly one of a string, { json }, { form }, { data } or { text }']],
    [
      { body: { jsn: 1 } },
      ['body: write exactly one of a string, { json }, { form }, { data } or { text }, not "jsn"'],
    ],
    [
      { body: { json: 1, form: {} } },
      ['body: write exactly one of a string, { json }, { form }, { data } or { text }, not "json, form"'],
    ],
    [{ body: { form: { a: 'x', b: 5 } } }, ['body.form.b: must be a string, not a number']],
    [{ auth: { basic: { username: 'a' } } }, ['auth.basic.password: is missing; write a string']],
    [
      { auth: { basic: { username: 'a', pasword: 'b', password: 'c' } } },
      ['auth.basic.pasword: unknown key "pasword"; did you mean "password"?'],
    ],
    [{ auth: { token: 'a' } }, ['auth: write exactly one of { basic } or { bearer }, not "token"']],
    [{ auth: 'a' }, ['auth: write exactly one of { basic } or { bearer }']],
    [{ method: 'post' }, ['method: "post" is not known; did you mean "POST"?']],
    [{ timeuot: '4s' }, ['timeuot: unknown key "timeuot"; did you mean "timeout"?']],
    [{ timeout: 4 }, ['timeout: write a duration such as 60s, a number with its unit (s m h d w)']],
    [{ retry: { times: 51 } }, ['retry.times: must be at most 50']],
  ])('%j says %j', (fields, expected) => {
    expect(faults(fields)).toEqual(expected);
  });
});

describe('a place', () => {
  it.each([
    [['steps', 1, 'cases', 0, 'for'], 'steps[1].cases[0].for'],
    [['headers', 'X-Team'], 'headers.X-Team'],
    [['where', 'event.status', 'gt'], "where['event.status'].gt"],
    [['first name'], "['first name']"],
    [[], ''],
  ])('%j is written %s', (at, place) => {
    expect(placeOf(at)).toBe(place);
  });
});

describe('the nearest name', () => {
  it.each([
    ['timout', 'timeout'],
    ['Timeout', 'timeout'],
    ['timeuot', 'timeout'],
    ['steps ', 'steps'],
    ['goal', undefined],
    ['wait', undefined],
    ['x'.repeat(100_000), undefined],
  ])('of %s is %s', (word, name) => {
    expect(nearest(word, ['steps', 'timeout', 'exit', 'id'])).toBe(name);
  });

  it('gives way to the list of all where none is near', () => {
    expect(hint('goal', ['steps', 'timeout'])).toBe('; use steps or timeout');
  });
});
