import {
  belongs,
  compileSegment,
  concerns,
  inOrder,
  type CompiledSegment,
} from '../domain/segment/compiled-segment.ts';
import type { Facts } from '../domain/condition/evaluate-condition.ts';
import { attributesBefore } from '../db/attributes-before.ts';
import { createFacts } from '../db/facts.ts';
import { startingOn, type HeldCampaign } from '../db/candidates.ts';
import { causeOfMove, readDifference, type ClaimedPerson, type InboxItem } from '../db/inbox.ts';
import { listSegmentStates, writeMoves, type Move, type SegmentState } from '../db/members.ts';
import type { Db } from '../db/open.ts';
import type { PersonRow } from '../db/people.ts';
import { listDefinitions } from '../db/segments.ts';
import { considerAll, type MatchContext, type Occasion } from './enter.ts';
import { isPastItem } from './past-item.ts';

/** A segment as it concerns one person. */
export type Known = Pick<SegmentState, 'id' | 'madeAt' | 'isMember' | 'filling'> & CompiledSegment;

/** Reads what segments are to a person who is held, each behind those that it asks for. Definitions are compiled when they have changed. */
export function createSegmentBook(): (tx: Db, personKey: string) => Promise<Known[]> {
  let stamps = '';
  let compiled: (CompiledSegment & { id: string })[] = [];
  return async (tx, personKey) => {
    const states = await listSegmentStates(tx, personKey);
    const current = states.map(({ id, stamp }) => `${id}/${stamp}`).join(' ');
    if (current !== stamps) {
      const definitions = await listDefinitions(tx);
      compiled = inOrder(definitions.map(({ id, condition }) => ({ id, ...compileSegment(condition) })));
      stamps = current;
    }
    const byId = new Map(states.map((state) => [state.id, state]));
    return compiled.flatMap((segment) => {
      const state = byId.get(segment.id);
      return state ? [{ ...segment, ...state }] : [];
    });
  };
}

type Context = Pick<MatchContext, 'tx' | 'now'>;

/** What segments make of a person's items, one after the other, as far as it is told. */
export type Membership = (context: Context, item: InboxItem) => Promise<Move[]>;

/**
 * Who belongs to which segments, of a person who is held, as the items come that may change it. A segment that has just been made is
 * filled for them now, as they were before the first item, and nobody is told, nor of what the items do that were stored before it was
 * made; so a change behind its making counts as one.
 */
export async function openMembership(
  context: Context,
  { segments, person, items, told }: ClaimedPerson & { segments: Known[] },
): Promise<Membership> {
  const members = new Set(segments.flatMap(({ id, isMember }) => (isMember ? [id] : [])));
  const first = items[0]?.number;
  const fresh = segments.filter(({ filling }) => filling === 'silent');
  if (first !== undefined && fresh.length > 0)
    await settle(context, { segments: fresh, members, person, number: first });
  const untold = new Map(segments.map(({ id, madeAt }) => [id, lastBefore(items, madeAt)]));
  return async ({ tx, now }, item) => {
    const moved = new Set(item.type === 'segment' ? [readDifference(item.subject).segment] : []);
    const moves: Move[] = [];
    for (const segment of segments) {
      // By a sweep that saw this item, too: going back to what held at it would tell what was found then once more.
      if (item.number < (told.get(segment.id) ?? 0)) continue;
      if (!mayMove(segment, item, moved)) continue;
      const holds = await belongs(segment, person, now, factsOf(tx, members, person.key, item.number));
      const move = note(members, segment.id, holds);
      if (!move) continue;
      moved.add(segment.id);
      moves.push(move);
    }
    await writeMoves(tx, person.key, moves);
    return moves.filter(({ segment }) => item.number > (untold.get(segment) ?? 0));
  };
}

/** The number of the last item that was stored before a moment; 0: the first was not. */
function lastBefore(items: InboxItem[], moment: Date): number {
  let last = 0;
  for (const { number, event, change } of items) {
    const at = event?.receivedAt ?? change?.at;
    if (at && at >= moment) break;
    if (at) last = number;
  }
  return last;
}

/** Fills segments for one person, who is held, as they were before what has that number. Before the first they were not there. */
export async function settle(
  { tx, now }: Context,
  {
    segments,
    members,
    person,
    number,
  }: { segments: Pick<Known, 'id' | keyof CompiledSegment>[]; members: Set<string>; person: PersonRow; number: number },
): Promise<void> {
  const attributes = await attributesBefore(tx, person, number);
  const moves: Move[] = [];
  for (const segment of segments) {
    const facts = factsOf(tx, members, person.key, number - 1);
    const holds = number > 1 && (await belongs(segment, { id: person.id, attributes }, now, facts));
    moves.push(...listed(note(members, segment.id, holds)));
  }
  await writeMoves(tx, person.key, moves);
}

/** Whom an item makes enter campaigns by the segments that it changed. What came as backfill, or long after it happened, starts nothing. */
export async function considerMoves(
  context: MatchContext,
  person: PersonRow,
  item: InboxItem,
  { moves, held, occasion }: { moves: Move[]; held: HeldCampaign[]; occasion: Omit<Occasion, 'cause'> },
): Promise<void> {
  if (isPastItem(item)) return;
  const all = item.type === 'segment' ? [readDifference(item.subject), ...moves] : moves;
  for (const move of all) {
    const { segment, change } = move;
    const candidates = [];
    for (const candidate of startingOn(held, 'segment', segment)) {
      const { trigger } = (await context.campaigns(context.tx, candidate.campaign, candidate.version)).campaign;
      if (trigger.type === 'segment' && trigger.change === change) candidates.push(candidate);
    }
    await considerAll(context, person, candidates, { ...occasion, cause: causeOfMove(move, item.number) });
  }
}

/** The segments whose moves an item may bring or lead to, at most: campaigns that start on them are held before anything is judged. */
export function maybeMoved(segments: Known[], item: InboxItem): string[] {
  if (isPastItem(item)) return [];
  const moved = new Set(item.type === 'segment' ? [readDifference(item.subject).segment] : []);
  for (const segment of segments) if (mayMove(segment, item, moved)) moved.add(segment.id);
  return [...moved];
}

/**
 * Whether an item may change who belongs to a segment: all are asked of somebody who is new, or at whom is to be looked again. Where
 * a new definition has not come to the person yet and the item tells nobody, they are left to the sweep, which does.
 */
function mayMove(segment: Known, item: InboxItem, moved: Set<string>): boolean {
  const { type, number, event, change, brought } = item;
  if (number === 1 || type === 'recheck') return true;
  if (segment.filling === 'told') return !isPastItem(item);
  if ([...segment.segments].some((other) => moved.has(other))) return true;
  return concerns(segment, {
    event: event?.name ?? null,
    attributes: [...brought, ...Object.keys(change?.changes ?? {})],
  });
}

/** What is known of a person up to a number, with the segments as they have been found so far. */
const factsOf = (tx: Db, members: Set<string>, personKey: string, upTo: number): Facts => ({
  ...createFacts(tx, { personKey, upTo }),
  inSegment: async (segment) => members.has(segment),
});

function note(members: Set<string>, segment: string, holds: boolean): Move | null {
  if (members.has(segment) === holds) return null;
  if (holds) members.add(segment);
  else members.delete(segment);
  return { segment, change: holds ? 'enter' : 'leave' };
}

const listed = <T>(one: T | null): T[] => (one === null ? [] : [one]);
