const INSTANT = /^((?!0000)\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?$/;

/**
 * The moment of an ISO 8601 time as RFC 3339 profiles it: `2026-03-01T09:00:00Z`; seconds and zone may be left out (then UTC),
 * a date alone is its midnight in UTC. Cut to milliseconds. Undefined if the text is no such time, 30 February and the year
 * 0000 included, which Postgres does not know.
 */
export function parseInstant(text: string): Date | undefined {
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] =
    INSTANT.exec(text) ?? [];
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const utc = new Date(`${local}Z`);
  // Date rolls 30 February over to March: only a real day and time come back as they went in.
  if (Number.isNaN(utc.getTime()) || utc.toISOString().slice(0, 19) !== local) return undefined;
  const moment = new Date(`${local}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`);
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}
