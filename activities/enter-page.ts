import { audienceSegments } from '../domain/campaign/audience-faults.ts';
import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { segmentNames } from '../domain/campaign/segment-names.ts';
import { predicateOf, type Predicate } from '../domain/condition/predicate.ts';
import { readsPersonZone } from '../domain/condition/needs.ts';
import { readCondition } from '../domain/condition/rule.ts';
import type { Condition } from '../domain/condition/condition.ts';
import { dueAtActivity } from '../domain/time/schedule.ts';
import { zoneOfPerson } from '../domain/time/zone.ts';
import { spellingsOf } from '../domain/time/zones-in-use.ts';
import { countActivities } from '../db/activity.ts';
import {
  advance,
  countUnstarted,
  endBroadcast,
  findNextPeople,
  hasStarts,
  insertDueEntries,
  isBehindStopped,
  listDuePeople,
  lockBroadcast,
  lockPeople,
  markFired,
  nextDueAt,
  type Audience,
} from '../db/broadcast-pages.ts';
import { countEntered, setStopped } from '../db/broadcasts.ts';
import { holdCampaigns } from '../db/campaigns.ts';
import type { BroadcastRow } from '../db/inbox.ts';
import type { Db } from '../db/open.ts';
import type { PersonRow } from '../db/people.ts';
import type { BroadcastState } from '../db/schema/campaigns.ts';
import { unfinished } from '../db/sweeps.ts';
import { takeBackUnstarted } from '../db/take-back.ts';
import type { VersionCache } from '../db/version-cache.ts';
import { listZones } from '../db/zones.ts';
import { enterPeople } from './enter-people.ts';

const PEOPLE_AT_ONCE = 500;

/** Selection runs ahead of the journeys that begin, but no further than this. */
const MOST_AHEAD = 10_000;
const STARTS_POLL_MS = 2_000;

/** Who belongs to a segment is known once it is filled: that of an audience, or of a branch that comes at once. */
const SEGMENTS_POLL_MS = 1_000;

/** A signal comes when the campaign is resumed; this is the net. */
const RESUME_POLL_MS = 60_000;

type Dependencies = {
  db: Db;
  campaigns: VersionCache<CompiledCampaign>;
  now: () => Date;
  /** Tells the relays that journeys may begin. */
  wakeCommands: () => void;
};

/** What a broadcast waits for before the next page, and how long at most. */
export type PageWait = { what: 'starts' | 'resume' | 'due' | 'segments'; until: string };

export type Page = {
  state: BroadcastState;
  /** Nothing is left to be done. */
  ended: boolean;
  selected: number;
  /** How many entered; null while pages follow one another, as counting takes longer the more they are. */
  entered: number | null;
  waitsFor: PageWait | null;
};

/**
 * Does the next part of a broadcast: it selects a page of people and enters them, and moves the cursor behind them, in one transaction,
 * so that nobody enters twice or is left out, whoever is killed meanwhile. Behind the last page it waits until all journeys have begun.
 */
export const createEnterPage =
  ({ db, campaigns, now, wakeCommands }: Dependencies) =>
  async ({ broadcast: id }: { broadcast: string }): Promise<Page> => {
    const page = await db.transaction(async (tx): Promise<Page> => {
      const held = await lockBroadcast(tx, id);
      if (!held) return { state: 'stopped', ended: true, selected: 0, entered: 0, waitsFor: null };
      const waitsFor = held.broadcast.endedAt ? null : await workOff({ tx, campaigns, now: now() }, held);
      const { state, endedAt, selected } = ((await lockBroadcast(tx, id)) ?? held).broadcast;
      const ended = endedAt !== null;
      const entered = ended || waitsFor ? await countEntered(tx, id) : null;
      return { state, ended, selected, entered, waitsFor };
    });
    if (!page.waitsFor) wakeCommands();
    return page;
  };

type Held = NonNullable<Awaited<ReturnType<typeof lockBroadcast>>>;
type Context = { tx: Db; campaigns: VersionCache<CompiledCampaign>; now: Date };

async function workOff(context: Context, { broadcast, isOver }: Held): Promise<PageWait | null> {
  const { tx, now } = context;
  const { id } = broadcast;
  if (broadcast.state === 'stopped') {
    if ((await takeBackUnstarted(tx, id, PEOPLE_AT_ONCE)) > 0) return null;
    // One that is left would begin after all; one that was refused a moment ago is taken back the next time.
    if (await hasStarts(tx, id)) return waitFor('starts', now, STARTS_POLL_MS);
    await endBroadcast(tx, id, 'stopped');
    return null;
  }
  if (isOver) {
    await setStopped(tx, id);
    return null;
  }
  const isFar = (await countUnstarted(tx, id, MOST_AHEAD)) >= MOST_AHEAD;
  if (isFar || (await isBehindStopped(tx, broadcast))) return waitFor('starts', now, STARTS_POLL_MS);
  const compiled = await context.campaigns(tx, broadcast.campaignId, broadcast.version);
  const condition = conditionOf(broadcast);
  const named = segmentNames({ ...compiled.campaign }).map(({ segment }) => segment);
  const segments = [...(condition ? audienceSegments(condition) : []), ...named];
  if (segments.length > 0 && (await unfinished(tx, 'fillSegment', segments)).length > 0)
    return waitFor('segments', now, SEGMENTS_POLL_MS);
  const page = broadcast.selectedAt === null ? selectPage : enterDue;
  return page(context, broadcast, compiled);
}

/** The condition over people that a broadcast came with; schedules have none of their own. */
const conditionOf = ({ audience }: BroadcastRow) =>
  audience === null || audience === 'everybody' ? undefined : audience;

const waitFor = (what: PageWait['what'], now: Date, ms: number): PageWait => ({
  what,
  until: new Date(now.getTime() + ms).toISOString(),
});

/** The campaign, held, where people may enter it now; otherwise what comes instead. */
async function seekEntry({ tx, now }: Context, broadcast: BroadcastRow) {
  const [campaign] = await holdCampaigns(tx, [broadcast.campaignId]);
  const isOver = (await lockBroadcast(tx, broadcast.id))?.isOver ?? true;
  if (!campaign || isOver) {
    await setStopped(tx, broadcast.id);
    return { wait: null };
  }
  if (campaign.state === 'paused') return { wait: waitFor('resume', now, RESUME_POLL_MS) };
  return { candidate: { campaign: campaign.id, state: campaign.state, version: broadcast.version } };
}

async function selectPage(
  context: Context,
  broadcast: BroadcastRow,
  compiled: CompiledCampaign,
): Promise<PageWait | null> {
  const { tx, now } = context;
  const { audience, own } = await audienceOf(context, broadcast, compiled);
  const { keys, ...place } = await findNextPeople(tx, broadcast, audience, PEOPLE_AT_ONCE);
  const people = await lockPeople(tx, keys, audience);
  const sought = await seekEntry(context, broadcast);
  if (!sought.candidate) return sought.wait;
  if (goesByActivity(broadcast, compiled)) await leaveForLater(context, broadcast, compiled, people);
  else await enterPeople(tx, { broadcast, compiled, audience: own, candidate: sought.candidate, now }, people);
  await advance(tx, broadcast.id, { ...place, selected: people.length });
  return null;
}

/** Enters those who are due, where each has a time of their own; then everybody was entered, and begins in turn. */
async function enterDue(
  context: Context,
  broadcast: BroadcastRow,
  compiled: CompiledCampaign,
): Promise<PageWait | null> {
  const { tx, now } = context;
  const { id } = broadcast;
  const keys = await listDuePeople(tx, id, now, PEOPLE_AT_ONCE);
  if (keys.length > 0) {
    const { own } = await audienceOf(context, broadcast, compiled);
    const people = await lockPeople(tx, keys, EVERYBODY);
    const sought = await seekEntry(context, broadcast);
    if (!sought.candidate) return sought.wait;
    await enterPeople(tx, { broadcast, compiled, audience: own, candidate: sought.candidate, now }, people);
    await markFired(tx, id, keys, now);
    return null;
  }
  const next = await nextDueAt(tx, id);
  if (next) return { what: 'due', until: next.toISOString() };
  if ((await countUnstarted(tx, id, 1)) > 0) return waitFor('starts', now, STARTS_POLL_MS);
  await endBroadcast(tx, id, 'completed');
  return null;
}

const EVERYBODY: Audience = { predicates: [], zone: null };

/**
 * Whom a broadcast selects, and the campaign's own audience. For a schedule that is who is selected; for others it decides who of them
 * enters.
 */
async function audienceOf(
  { tx, now }: Context,
  broadcast: BroadcastRow,
  { campaign }: CompiledCampaign,
): Promise<{ audience: Audience; own: Predicate | null }> {
  const { occurrence, zone, data } = broadcast;
  const timezone = campaign.timezone ?? 'UTC';
  const condition = conditionOf(broadcast);
  const reads = [condition, campaign.audience].some((each) => each && readsPersonZone(readCondition(each)));
  const written = zone !== null || reads ? await listZones(tx) : [];
  const asked = (each: Condition) => predicateOf(each, { now, timezone, zones: written }, { trigger: data });
  const own = campaign.audience ? asked(campaign.audience) : null;
  return {
    audience: {
      predicates: [...(condition ? [asked(condition)] : []), ...(own && occurrence !== null ? [own] : [])],
      zone: zone === null ? null : spellingsOf(zone, written, timezone),
    },
    own,
  };
}

const goesByActivity = ({ occurrence }: BroadcastRow, { campaign: { trigger } }: CompiledCampaign) =>
  occurrence !== null && trigger.type === 'schedule' && trigger.timezone === 'mostActiveHour';

async function leaveForLater(
  { tx, now }: Context,
  broadcast: BroadcastRow,
  { campaign }: CompiledCampaign,
  people: PersonRow[],
): Promise<void> {
  const counts = await countActivities(
    tx,
    people.map(({ key }) => key),
    now,
  );
  const due = people.map(({ key, attributes }) => ({
    key,
    dueAt: dueAtActivity(
      broadcast.occurrence ?? '',
      zoneOfPerson(attributes, campaign.timezone ?? 'UTC'),
      counts.get(key) ?? [],
    ),
  }));
  await insertDueEntries(tx, broadcast, due);
}
