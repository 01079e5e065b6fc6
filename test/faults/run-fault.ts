import { setTimeout as pause } from 'node:timers/promises';
import { audit, inTransit } from './audit.ts';
import { eventsOf, post, startApproving } from './load.ts';
import type { Stack } from './stack.ts';
import type { Cost } from './table.ts';

/** How much happens around each fault, which begins when so large a share of the events is posted. */
export type Scale = { events: number; perSecond: number; begin: number };

/** What must not be: all of it is empty. */
export type Wrong = { died: string[]; left: Record<string, number>; lost: string[]; doubled: string[] };
export const NOTHING_WRONG: Wrong = { died: [], left: {}, lost: [], doubled: [] };

/** As long as everything may take to become quiet. */
const QUIET_WITHIN_MS = 150_000;

/**
 * Posts events steadily, has the fault happen among them, waits until nothing is under way, and holds what Postgres has against what
 * the receiver saw. Nothing may be lost, done twice, or left over.
 */
export async function runFault(
  stack: Stack,
  fault: string,
  { events: count, perSecond, begin }: Scale,
  happen: () => Promise<void>,
): Promise<{ line: Cost; wrong: Wrong }> {
  const { db, api, received, died } = stack;
  const events = eventsOf(fault.replaceAll(' ', '-'), count);
  const approving = startApproving(db, api);
  const posting = post(api, events, perSecond);
  // Looked at below; a failure meanwhile must not end the process.
  posting.catch(() => {});
  await pause((count / perSecond) * begin * 1_000);
  await happen();
  const endedAt = performance.now();
  await posting;
  const left = await untilQuiet(stack);
  const seconds = (performance.now() - endedAt) / 1_000;
  await approving.stop();
  const { lost, doubled, ...figures } = await audit(db, events, received);
  const stuck = Object.values(left).reduce((sum, each) => sum + each, 0);
  return {
    line: { fault, events: count, lost: lost.length, doubled: doubled.length, stuck, seconds, ...figures },
    wrong: { died, left, lost, doubled },
  };
}

/** Resolves once nothing is under way, and otherwise with what still is when the time is over. */
export async function untilQuiet({ db, died }: Stack): Promise<Record<string, number>> {
  const giveUpAt = performance.now() + QUIET_WITHIN_MS;
  for (;;) {
    if (died.length > 0) return {};
    const left = await inTransit(db).catch(() => ({ Postgres: 1 }));
    if (Object.keys(left).length === 0 || performance.now() > giveUpAt) return left;
    await pause(200);
  }
}
