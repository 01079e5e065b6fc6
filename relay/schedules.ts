import type { CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { isByPerson, planOccurrences, scheduleZones } from '../domain/time/plan-occurrences.ts';
import { startBroadcast } from '../db/broadcasts.ts';
import { holdCampaigns } from '../db/campaigns.ts';
import {
  closeOccurrence,
  insertOccurrences,
  listDueSchedules,
  listLatest,
  listLiveSchedules,
  lockDue,
  type LiveSchedule,
  type OccurrenceRow,
} from '../db/occurrences.ts';
import type { Db } from '../db/open.ts';
import type { VersionCache } from '../db/version-cache.ts';
import { listZones } from '../db/zones.ts';

type Context = {
  db: Db;
  campaigns: VersionCache<CompiledCampaign>;
  now: Date;
  onFailed: (campaign: string, error: unknown) => void;
};

/**
 * Sees to it that each schedule has its next occurrence before it in every zone, and makes a broadcast of each that is due. Answers
 * how many broadcasts it made. A campaign for which it fails keeps none of the others from it.
 */
export async function runSchedules(context: Context): Promise<number> {
  const { db, now, onFailed } = context;
  const each = (campaign: string, see: () => Promise<void>) =>
    see().catch((error: unknown) => onFailed(campaign, error));
  for (const schedule of await listLiveSchedules(db)) await each(schedule.campaign, () => planAhead(context, schedule));
  let made = 0;
  for (const campaign of await listDueSchedules(db, now))
    await each(campaign, async () => void (made += await fireDue(context, campaign)));
  return made;
}

async function planAhead({ db, campaigns, now }: Context, schedule: LiveSchedule): Promise<void> {
  const { trigger, timezone = 'UTC' } = (await campaigns(db, schedule.campaign, schedule.version)).campaign;
  if (trigger.type !== 'schedule') return;
  const zones = scheduleZones(trigger, isByPerson(trigger) ? await listZones(db) : [], timezone);
  const latest = await listLatest(db, schedule.campaign, zones);
  const planned = planOccurrences(trigger, { zones, latest, changedAt: schedule.changedAt, now });
  if (planned.length > 0) await insertOccurrences(db, schedule, planned);
}

/** Of several that are overdue in a zone the last one goes off. What is due while the campaign is not live is missed. */
function fireDue({ db, campaigns, now }: Context, id: string): Promise<number> {
  return db.transaction(async (tx) => {
    const [campaign] = await holdCampaigns(tx, [id]);
    const due = await lockDue(tx, id, now);
    if (!campaign || due.length === 0) return 0;
    const { version, state } = campaign;
    const { trigger } = (await campaigns(tx, id, version)).campaign;
    const lastOf = new Map(due.map((occurrence) => [occurrence.zone, occurrence]));
    let made = 0;
    for (const occurrence of due) {
      const fires = state === 'live' && trigger.type === 'schedule' && lastOf.get(occurrence.zone) === occurrence;
      if (fires) await broadcast(tx, occurrence, version, isByPerson(trigger));
      await closeOccurrence(tx, occurrence, fires ? 'fired' : 'missed');
      made += fires ? 1 : 0;
    }
    return made;
  });
}

const broadcast = (tx: Db, { campaignId, localTime, zone }: OccurrenceRow, version: number, byPerson: boolean) =>
  startBroadcast(tx, {
    ...{ campaignId, version, requestId: null, requestHash: '', data: {}, audience: 'everybody' },
    occurrence: localTime,
    zone: byPerson ? zone : null,
  });
