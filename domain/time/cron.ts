import { Cron } from 'croner';
import { z } from 'zod';

const FIELDS = [
  { name: 'minute', values: '0-59' },
  { name: 'hour', values: '0-23' },
  { name: 'day of the month', values: '1-31 or L for the last' },
  { name: 'month', values: '1-12 or jan-dec' },
  { name: 'weekday', values: '0-7 (0 and 7 are Sunday) or mon-sun' },
];
const SYNTAX = /^[\da-z*,/#-]+$/i;
const LEAP_YEAR = new Date('2000-01-01T00:00:00Z');

/** A cron expression of five fields, as it was written. With day and weekday both given, either is enough, as in crontab(5). */
export const cronSchema = z.string().superRefine((text, ctx) => {
  const message = cronFault(text);
  if (message) ctx.addIssue(message);
});

/**
 * The times of an expression strictly after another, in order, on a clock without zone: the UTC fields of the Dates are wall
 * times. Ends in the year 3000.
 */
export function* cronTimes(expression: string, after: Date): Generator<Date> {
  const cron = parse(expression);
  for (let at = cron.nextRun(after); at; at = cron.nextRun(at)) yield at;
}

function cronFault(text: string): string | undefined {
  const fields = text.trim().split(/\s+/);
  if (text.length > 255 || fields.length !== FIELDS.length) {
    return 'write five fields, minute hour day month weekday, such as "0 9 * * mon-fri"';
  }
  for (const [index, { name, values }] of FIELDS.entries()) {
    const field = fields[index] ?? '';
    const alone = FIELDS.map((_, other) => (other === index ? field : '*')).join(' ');
    if (SYNTAX.test(field) && isCron(alone)) continue;
    return `"${field}" is no ${name}; write *, a value of ${values}, a list 1,2, a range 1-5 or steps */2`;
  }
  return parse(text).nextRun(LEAP_YEAR) ? undefined : 'never comes; there is no such date';
}

function isCron(expression: string): boolean {
  try {
    parse(expression);
    return true;
  } catch {
    return false;
  }
}

/** Without a function croner starts no timer. */
const parse = (expression: string) => new Cron(expression.trim(), { mode: '5-part', timezone: 'UTC' });
