import { z } from 'zod';

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000 };
const RATE = /^([1-9]\d{0,5})\/([smh])$/;
const FAULT = 'write a number of requests per s, m or h, such as 10/s';

/** Requests per second, minute or hour as a string, e.g. `10/s`. */
export const rateLimitSchema = z
  .string({ error: FAULT })
  .regex(RATE, FAULT)
  .meta({ examples: ['10/s'] });

/** The time between two requests at that rate, in ms. */
export function rateIntervalMs(rate: string): number {
  const [, times = '1', unit = 's'] = RATE.exec(rate) ?? [];
  return UNIT_MS[unit as keyof typeof UNIT_MS] / Number(times);
}
