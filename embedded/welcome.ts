/** What `npm start` prints when all is ready. */
export function welcome(facts: {
  seconds: number;
  api: string;
  temporal: string;
  requestBin: string;
  /** Whether the example campaign is there: it is loaded where there is none yet. */
  hasExample: boolean;
  /** The key where it is `npm start`'s own. */
  adminKey: string | undefined;
  /** The key's file, as one types it. */
  adminKeyFile: string;
  dataDir: string;
}): string {
  const bearer = facts.adminKey ? `$(cat ${quoted(facts.adminKeyFile)})` : '$HOOKLINE_ADMIN_KEY';
  const key = facts.adminKey ? `${facts.adminKey} (${facts.adminKeyFile})` : 'from HOOKLINE_ADMIN_KEY';
  const event = '{"person":"mary","name":"updateStatus","data":{"newStatus":"Gold"}}';
  const example = `Make a journey of the example campaign, then look at the person that it changed:

  curl -X POST ${facts.api}/v1/events -H "Authorization: Bearer ${bearer}" -H "Content-Type: application/json" -d '${event}'
  curl ${facts.api}/v1/people/mary -H "Authorization: Bearer ${bearer}"`;
  return `
Hookline is ready, after ${facts.seconds.toFixed(1)} s.

  API            ${facts.api}
  Temporal       ${facts.temporal}
  Request bin    ${facts.requestBin}
  Admin key      ${key}
  Logs, data     ${facts.dataDir}

${facts.hasExample ? example : 'The database has campaigns of your own, so that the example was not loaded.'}

Ctrl-C stops all of it; nothing is lost.
`;
}

/** A path as one word of a shell. */
const quoted = (path: string): string =>
  /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
