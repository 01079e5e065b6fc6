import { z } from 'zod';

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000 };
const RATE = /^([1-9]\d{0,5})\/([smh])$/;
const FAULT = 'write a number of requests per s, m or h, such as 10/s';

/** Requests per second, minute or hour as a string, e.g. `10/s`. */
export const rateLimitSchema = z
  .string({ error: FAULT })
  .regex(RATE, FAULT)
  .meta({ examples: ['10/s'] });

/** How many requests in how many ms a rate allows. */
export function rateWindow(rate: string): { times: number; windowMs: number } {
  const [, times = '1', unit = 's'] = RATE.exec(rate) ?? [];
  return { times: Number(times), windowMs: UNIT_MS[unit as keyof typeof UNIT_MS] };
}

/** The time between two requests at that rate, in ms. */
export function rateIntervalMs(rate: string): number {
  const { times, windowMs } = rateWindow(rate);
  return windowMs / times;
}
