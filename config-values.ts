import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import postgres from 'postgres';
import { z } from 'zod';
import { parseDurationMs } from './domain/input/duration.ts';

/** A schema from a function that parses a text; what it throws is the fault's message. */
export function parsed<T>(parse: (text: string) => T): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
}

/** Several values, separated by commas or spaces. */
export function list<T>(parse: (item: string) => T): z.ZodType<T[], string> {
  return parsed((text) =>
    text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(parse),
  );
}

/** Whether it is on. */
export function switchOf(text: string): boolean {
  if (/^(on|true|1|yes)$/i.test(text)) return true;
  if (/^(off|false|0|no)$/i.test(text)) return false;
  throw new Error('write on or off');
}

/** 32 bytes. */
export function masterKeyOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 32 && /^[A-Za-z0-9+/]{43}=?$/.test(text)) return bytes;
  throw new Error('write 32 random bytes in base64, as `openssl rand -base64 32` prints them');
}

/** In milliseconds; null where everything is kept. */
export function ageOf(min: string): (text: string) => number | null {
  return (text) => {
    if (/^off$/i.test(text)) return null;
    const ageMs = parseDurationMs(text);
    if (ageMs < parseDurationMs(min)) throw new Error(`write at least ${min}, or off`);
    return ageMs;
  };
}

/** What other drivers read in an address for TLS; this one would send it to the server, as its parameters. */
const OF_OTHER_DRIVERS: Record<string, string> = {
  sslrootcert: 'leave ?sslrootcert= out, and name the file of a private CA in NODE_EXTRA_CA_CERTS',
  sslcert: 'leave ?sslcert= out: client certificates are not supported, use a password',
  sslkey: 'leave ?sslkey= out: client certificates are not supported, use a password',
  channel_binding: 'leave ?channel_binding= out: it is not supported, use sslmode=verify-full',
};

/** An address of Postgres, of one host or several with commas between, that the driver can use. Nothing of it is quoted: it has a password. */
export function postgresUrlOf(text: string): string {
  const { host = [], port = [], connection } = postgresOptions(text) ?? {};
  // The driver would send them to the server, as its parameters.
  const misplaced = ['host', 'port', 'user', 'password'].find((name) => connection && name in connection);
  if (misplaced) throw new Error(`set PG${misplaced.toUpperCase()} instead of ?${misplaced}=`);
  const unknown = Object.keys(OF_OTHER_DRIVERS).find((name) => connection && name in connection);
  if (unknown) throw new Error(OF_OTHER_DRIVERS[unknown]);
  const isUsable = host.every((name) => /^[^[%]+$/.test(name)) && port.every((one) => one >= 1 && one <= 65_535);
  if (host.length > 0 && isUsable) return text;
  throw new Error(
    'write postgres://user:password@host:port/database, with no IPv6 address, special characters of the password as %40, and after ? only what the driver takes',
  );
}

/** What the driver reads in an address. It cuts the brackets of IPv6 in two, and connects with any port. */
function postgresOptions(text: string) {
  try {
    return /^postgres(?:ql)?:\/\/\S+$/.test(text) ? postgres(text).options : undefined;
  } catch {
    return undefined;
  }
}

/** A CIDR, of one address too. */
export function networkOf(text: string): string {
  const cidr = text.includes('/') ? text : `${text}/${isIP(text) === 6 ? 128 : 32}`;
  if (!ipaddr.isValidCIDR(cidr)) throw new Error(`${text} is not a network: write addresses in CIDR form`);
  return cidr;
}

/** Scheme, host and port. */
export function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.origin === text) return url.origin;
  throw new Error('write scheme, host and port only');
}

export const portSchema = z
  .string()
  .regex(/^\d{1,5}$/, 'write a whole number from 1 to 65535')
  .transform(Number)
  .pipe(z.number().min(1, 'write a whole number from 1 to 65535').max(65_535, 'write a whole number up to 65535'));
