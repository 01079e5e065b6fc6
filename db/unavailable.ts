/** What the driver and the operating system say of a server that cannot be reached. */
const CONNECTION_CODES = new Set([
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** SQLSTATEs of connections that failed (class 08), too many of them (53300), and a server that stops or starts (57P01 to 57P03). */
const SQLSTATE = /^(?:08...|53300|57P0[123])$/;

/** Whether an error, or what caused it, says that Postgres is away for now: the same query may succeed later. */
export function isUnavailable(error: unknown): boolean {
  return hasCode(error, (code) => CONNECTION_CODES.has(code) || SQLSTATE.test(code));
}

/** Whether there is no room left on the disk of Postgres. */
export const isDiskFull = (error: unknown): boolean => hasCode(error, (code) => code === '53100');

/** Whether a transaction was given up since it and others waited for one another: it left nothing, and may be begun again. */
export const isDeadlock = (error: unknown): boolean => hasCode(error, (code) => code === '40P01');

function hasCode(error: unknown, isMeant: (code: string) => boolean): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return isMeant(code) || hasCode(error.cause, isMeant);
}
