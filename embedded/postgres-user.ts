import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HooklineError } from '../domain/errors.ts';

const run = promisify(execFile);

/** Who runs Postgres: the words before its command that change the user, and who must own its files. */
export type PostgresUser = { prefix: string[]; uid: number; gid: number };

// What initdb and postgres check themselves before they start, by the ids that they get.
const CAN_RUN = 'cd "$2" && test -r "$1" && test -x "$1" && "$1" --version';

/**
 * Postgres refuses to run as root. Root therefore hands it to `nobody`: as it is; or, where that user cannot reach the folder
 * (below /root, say), with the one right to pass closed folders; or in a user namespace where root is called nobody.
 * @throws HooklineError `embedded.failed` where none of them works.
 */
export async function findPostgresUser(postgres: string, dataDir: string): Promise<PostgresUser> {
  const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (me.uid !== 0) return { prefix: [], ...me };

  const nobody = await idsOf('nobody');
  const become = ['setpriv', `--reuid=${nobody.uid}`, `--regid=${nobody.gid}`, '--clear-groups'];
  // Without the secure bit, access(2) ignores the right, and initdb asks access(2).
  const passing = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--securebits=+no_setuid_fixup'];
  const ways: PostgresUser[] = [
    { prefix: become, ...nobody },
    { prefix: [...become, ...passing], ...nobody },
    { prefix: ['unshare', '--user', `--map-user=${nobody.uid}`, `--map-group=${nobody.gid}`], ...me },
  ];
  const faults: string[] = [];
  for (const way of ways) {
    try {
      await run('sh', ['-c', '"$@"', 'sh', ...way.prefix, 'sh', '-c', CAN_RUN, 'sh', postgres, dataDir], {
        timeout: 10_000,
      });
      return way;
    } catch (error) {
      faults.push(
        `${way.prefix.join(' ')}: ${String(error instanceof Error ? error.message : error)
          .trim()
          .split('\n')
          .at(-1)}`,
      );
    }
  }
  throw new HooklineError(
    'embedded.failed',
    `Postgres does not run as root, and no way to run it as the user nobody works here:\n${faults.join('\n')}\n` +
      'Run this as an ordinary user, or put the folder where every user may enter it, or set DATABASE_URL to a Postgres of your own.',
  );
}

async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  try {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, user])).stdout)),
    );
    if (uid && gid) return { uid, gid };
  } catch {
    // There is no such user: the numbers are the usual ones, and need no name.
  }
  return { uid: 65_534, gid: 65_534 };
}
