import { isDeepStrictEqual } from 'node:util';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { isPast } from '../domain/campaign/entry.ts';
import { judgeWait } from '../domain/journey/judge-wait.ts';
import type { Json } from '../domain/json.ts';
import { attributesAfter } from '../db/attributes-after.ts';
import { asOf, holdCandidates, startingOn, type HeldCampaign } from '../db/candidates.ts';
import type { Cipher } from '../db/cipher.ts';
import { holdJourneys, listConcernedJourneys } from '../db/goals.ts';
import { claimPerson, finishItems, type ChangeRow, type InboxItem } from '../db/inbox.ts';
import type { Db } from '../db/open.ts';
import { createEventNames } from '../db/seen-names.ts';
import type { VersionCache } from '../db/version-cache.ts';
import { considerAll, type MatchContext } from './enter.ts';
import { meetGoals } from './goals.ts';
import { considerDue, moveDates, type Dated } from './dates.ts';
import { considerMoves, createSegmentBook, openMembership, type Membership } from './segments.ts';
import { tellWaits } from './waits.ts';
import { wantedBy } from './wanted.ts';

const ITEMS_AT_ONCE = 100;

/**
 * Matches what waits for one person, in order, in one transaction; then it notes the names of the events. Answers how many items it
 * took; 0 where another relay has the person.
 */
export type MatchPerson = (key: string) => Promise<number>;

type Dependencies = { db: Db; cipher: Cipher; campaigns: VersionCache<CompiledCampaign>; now: () => Date };

export function createMatcher({ db, cipher, campaigns, now }: Dependencies): MatchPerson {
  const readSegments = createSegmentBook();
  const noteNames = createEventNames(db);
  return async (key) => {
    const matched = await db.transaction(async (tx) => {
      const claimed = await claimPerson(tx, key, ITEMS_AT_ONCE);
      if (!claimed) return [];
      const { person, items } = claimed;
      const segments = await readSegments(tx, key);
      const held = await holdCandidates(tx, wantedBy(items, segments));
      const membership = await openMembership({ tx, now: now() }, { segments, ...claimed });
      const context = { tx, cipher, campaigns, judgeWait, holdJourneys: holdingOnce(tx, key, items) };
      const dated = { person, attributesAfter: attributesAfter(tx, claimed) };
      for (const item of items) await matchItem({ ...context, now: now() }, { ...dated, item, membership, held });
      await finishItems(tx, key, {
        lastNumber: items.at(-1)?.number ?? 0,
        mayHaveMore: items.length === ITEMS_AT_ONCE,
      });
      return items;
    });
    await noteNames(matched.flatMap(({ event }) => (event ? [event.name] : [])));
    return matched.length;
  };
}

/**
 * Holds the journeys that any of the items may change, in one order: at the first one that may, so that it costs the others no query. None
 * begins to wait meanwhile, since the person is held.
 */
function holdingOnce(tx: Db, personKey: string, items: InboxItem[]): () => Promise<void> {
  const events = items.flatMap(({ event }) => (event && !isPast(event) ? [event] : []));
  let held: Promise<void> | undefined;
  return () => (held ??= holdJourneys(tx, personKey, events));
}

/** Whoever may start by the items is held already, campaigns before journeys, as everywhere. */
type Matched = Dated & { item: InboxItem; membership: Membership; held: HeldCampaign[] };

/**
 * First which segments the person belongs to, as all that follows may ask for them; then what it does to journeys that run already, then
 * who enters by it: what begins a journey does not end it.
 */
async function matchItem(context: MatchContext, matched: Matched): Promise<void> {
  const { person, item, membership, held } = matched;
  const moves = await membership(context, item);
  await moveDates(context, matched, item);
  const { number, event, broadcast, change } = item;
  const at = event?.receivedAt ?? change?.at ?? context.now;
  const [concerned] = await Promise.all([
    event && !isPast(event) ? listConcernedJourneys(context.tx, event) : [],
    tellWaits(context, person, item, at),
  ]);
  if (event && (await meetGoals(context, person, event, concerned))) {
    // Segments and conditions may ask for conversions.
    moves.push(...(await membership(context, item)));
    await tellWaits(context, person, { ...item, type: 'recheck', event: null }, at);
  }
  const occasion = { number, event, broadcast, depth: change?.depth ?? 0 };
  if (event) {
    const candidates = startingOn(held, 'event', event.name);
    await considerAll(context, person, candidates, { ...occasion, cause: `event/${event.id}` });
  } else if (broadcast) {
    const own = held.filter(({ campaign }) => campaign === broadcast.campaignId);
    const candidates = own.map((one) => asOf(broadcast, one));
    await considerAll(context, person, candidates, { ...occasion, cause: `broadcast/${broadcast.id}` });
  } else if (change && !change.backfill) {
    for (const [name, candidates] of await changedInto(context, change, held)) {
      await considerAll(context, person, candidates, { ...occasion, cause: `attribute/${name}/${number}` });
    }
  } else if (item.type === 'due') {
    await considerDue(context, matched, item, { held, occasion });
  }
  const moved = { moves, held, occasion: { ...occasion, event: null, broadcast: null } };
  await considerMoves(context, person, item, moved);
}

/** The campaigns that start on a change of these attributes, as far as it is one from and to the values that they name. */
async function changedInto({ tx, campaigns }: MatchContext, { changes }: ChangeRow, held: HeldCampaign[]) {
  const byName = new Map<string, HeldCampaign[]>();
  for (const candidate of Object.keys(changes).flatMap((name) => startingOn(held, 'attribute', name))) {
    const { trigger } = (await campaigns(tx, candidate.campaign, candidate.version)).campaign;
    const change = trigger.type === 'attribute' ? changes[trigger.attribute] : undefined;
    if (trigger.type !== 'attribute' || !change) continue;
    if (!isAsNamed(trigger.from, change.from) || !isAsNamed(trigger.to, change.to)) continue;
    byName.set(trigger.attribute, [...(byName.get(trigger.attribute) ?? []), candidate]);
  }
  return byName;
}

const isAsNamed = (named: Json | undefined, value: Json) => named === undefined || isDeepStrictEqual(named, value);
