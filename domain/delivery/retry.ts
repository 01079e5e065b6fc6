/** The longest that a `Retry-After` may delay the next attempt. */
const MAX_RETRY_AFTER_MS = 3_600_000;

const JITTER = 0.2;

/**
 * The delay before the next attempt, in ms: doubled with each failure, ±20 % jitter; `Retry-After` lengthens it, up to 1 h, and
 * never shortens it.
 * @param attempt the number of the attempt that just failed, from 1.
 * @param random a number from 0 to 1, like Math.random.
 */
export function nextDelayMs(input: {
  attempt: number;
  firstDelayMs: number;
  retryAfterMs: number | null;
  random: () => number;
}): number {
  const base = input.firstDelayMs * 2 ** (input.attempt - 1);
  const jittered = Math.round(base * (1 - JITTER + 2 * JITTER * input.random()));
  return Math.max(jittered, Math.min(input.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
}

/**
 * What a receiver asks for with `Retry-After` (RFC 9110, 10.2.3: seconds or an HTTP date), in ms from now; a past date is 0,
 * the longest of several headers counts. Null if there is none that can be read: negative, fractional, over ten digits, no date.
 * @param dateHeader the answer's `Date`: a date is then measured on the receiver's clock, not on ours.
 */
export function parseRetryAfter(
  value: string | readonly string[] | undefined,
  now: Date,
  dateHeader?: string,
): number | null {
  const base = (dateHeader === undefined ? null : parseHttpDate(dateHeader)) ?? now.getTime();
  const asked = (typeof value === 'string' ? [value] : (value ?? []))
    .map((text) => parseOne(text.trim(), base))
    .filter((ms) => ms !== null);
  return asked.length > 0 ? Math.max(...asked) : null;
}

function parseOne(text: string, base: number): number | null {
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const date = parseHttpDate(text);
  return date === null ? null : Math.max(0, date - base);
}

/** The three forms of RFC 9110, 5.6.7. Date.parse alone would take "soon 5" for a date, and asctime for local time. */
function parseHttpDate(text: string): number | null {
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/.test(text)) return null;
  const ms = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(ms) ? null : ms;
}

/**
 * Whether and when there is another attempt. `within` is the hard end, counted from the first attempt: a delay that does not fit
 * is cut, so that the last attempt is made at that end, if it is still ahead and retries are left; nothing starts after it.
 * @param attempt the number of the attempt that just failed, from 1. @param times retries allowed after the first attempt.
 */
export function decideRetry(input: {
  attempt: number;
  times: number;
  withinMs: number;
  firstAttemptAt: Date;
  now: Date;
  delayMs: number;
}): { retry: true; at: Date } | { retry: false } {
  const end = input.firstAttemptAt.getTime() + input.withinMs;
  const now = input.now.getTime();
  if (input.attempt > input.times || now >= end) return { retry: false };
  return { retry: true, at: new Date(Math.min(now + input.delayMs, end)) };
}
