import { setTimeout as pause } from 'node:timers/promises';
import type { Db } from '../../db/open.ts';
import { sql } from 'drizzle-orm';
import type { Processes } from '../support/processes.ts';
import { KINDS } from './campaigns.ts';

type Api = Processes['api'];
type Event = { id: string; person: string; name: string };

/** As long as a client keeps trying. */
const PATIENCE_MS = 60_000;
const AGAIN_AFTER_MS = 200;

/** Repeats a call until it is answered, as a client does that must not lose anything: the same id each time. @throws on an answer that is neither success nor 503 */
async function insist(api: Api, method: string, path: string, body: object, expected: number[]): Promise<number> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await api(method, path, body).catch((error: unknown) => {
      if (Date.now() > giveUpAt) throw error;
    });
    if (answer && expected.includes(answer.status)) return answer.status;
    if (answer && (answer.status !== 503 || Date.now() > giveUpAt))
      throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    await pause(AGAIN_AFTER_MS);
  }
}

/** What a run posts: people of `counted` have several journeys at once, all others one. */
export function eventsOf(run: string, count: number): Event[] {
  return Array.from({ length: count }, (_, n) => {
    const name = KINDS[n % KINDS.length] ?? 'counted';
    const round = Math.floor(n / KINDS.length);
    const person =
      name === 'counted' ? `${run}-counted-${round % 3}` : `${run}-${name}-${round}-${round % 3 === 2 ? 'no' : 'yes'}`;
    return { id: `${run}/${n}`, person, name };
  });
}

/** Posts events at a steady rate, and resolves once all are accepted; the second event of a pair comes a second after the first. */
export async function post(api: Api, events: Event[], perSecond: number): Promise<void> {
  const send = (event: Event) => insist(api, 'POST', '/v1/events', event, [202]);
  await Promise.all(
    events.map(async (event, n) => {
      await pause((n * 1_000) / perSecond);
      await send(event);
      if (event.name !== 'paired') return;
      await pause(1_000);
      await send({ ...event, id: `${event.id}/followed`, name: 'followed' });
    }),
  );
}

/** Approves each draft that is for approval as it appears, until it is stopped. */
export function startApproving(db: Db, api: Api): { stop(): Promise<void> } {
  let stopped = false;
  const approveAll = async () => {
    // Postgres may be away: whoever looks on is as patient as the clients.
    const drafts = await db
      .execute<{ id: string }>(
        sql`select d.id from deliveries d join people p on p.key = person_key where state = 'drafted' and p.id like '%-yes'`,
      )
      .catch(() => []);
    // A decision whose answer was lost is there: 409.
    for (const { id } of drafts) await insist(api, 'POST', `/v1/deliveries/${id}/approve`, {}, [200, 409]);
  };
  const approving = (async () => {
    while (!stopped) {
      await approveAll();
      await pause(AGAIN_AFTER_MS);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await approving;
    },
  };
}
