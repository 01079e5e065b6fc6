/** The token of `Authorization: Bearer` (RFC 6750). */
export const bearerOf = (authorization: string): string | undefined => /^Bearer +(\S+)$/i.exec(authorization)?.[1];

/** What `Authorization: Basic` says (RFC 7617): the user stands before the first colon. */
export function basicOf(authorization: string): { user: string; password: string } | undefined {
  const given = /^Basic +(\S+)$/i.exec(authorization)?.[1];
  if (given === undefined) return undefined;
  const [user = '', ...password] = Buffer.from(given, 'base64').toString().split(':');
  return { user, password: password.join(':') };
}
