import { entryRules, type Campaign } from './campaign.ts';
import { NO_PAST, refuseEntrant, refuseRepeat, type Entrant, type EntryHistory, type Refusal } from './entry.ts';
import { parseDurationMs } from '../input/duration.ts';
import type { Json } from '../json.ts';

/** Whether somebody enters, the values that decided, and what the journey has to know of its campaign where one begins. */
export type EntryDecision = { reason: string; values: Record<string, Json> } & (
  | { outcome: Refusal['outcome']; entry: null }
  | { outcome: 'entered'; entry: { once: boolean } & GoalAndExits }
);

/** What finds the journey when an event comes that concerns it. */
type GoalAndExits = { goalEvent: string | null; goalUntil: Date | null; exitEvents: string[] };

/** Decides one entry by all rules of the campaign; the first that refuses decides. Only who is wanted is asked for their past. */
export async function decideEntry(
  campaign: Campaign,
  entrant: Entrant,
  { history, now }: { history: () => Promise<EntryHistory | undefined>; now: Date },
): Promise<EntryDecision> {
  const { refusal, values } = await refuseEntrant(campaign, entrant);
  const refused = refusal ?? refuseRepeat(campaign, (await history()) ?? NO_PAST, now);
  if (refused) return { ...refused, entry: null };
  const once = entryRules(campaign).frequency === 'once';
  return { outcome: 'entered', reason: 'entered', values, entry: { once, ...goalAndExits(campaign, now) } };
}

/** By what a journey that begins now is found. */
export const goalAndExits = ({ goal, exit }: Campaign, now: Date): GoalAndExits => ({
  goalEvent: goal?.event ?? null,
  goalUntil: goal ? new Date(now.getTime() + parseDurationMs(goal.within)) : null,
  exitEvents: exit?.events ?? [],
});

/** The events that end a journey which runs, wherever it is; some goals do so only where their condition holds. */
export const endingEvents = (
  { goalEvent, exitEvents }: Omit<GoalAndExits, 'goalUntil'>,
  { goal }: Campaign,
): string[] => [...exitEvents, ...(goal?.exit && goalEvent !== null ? [goalEvent] : [])];
