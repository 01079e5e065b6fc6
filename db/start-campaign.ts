import { startBroadcast } from './broadcasts.ts';
import { changeCampaignState, type CampaignRow } from './campaigns.ts';
import type { Db } from './open.ts';

/**
 * Lets people enter, of a campaign that is new or stopped; any other is answered as it is, and undefined where there is none. Where
 * today's members of a segment enter too, a broadcast is left for them in the same transaction.
 */
export function startCampaign(db: Db, id: string): Promise<CampaignRow | undefined> {
  return db.transaction(async (tx) => {
    const campaign = await changeCampaignState(tx, id, ['new', 'stopped'], 'live');
    const trigger = campaign?.definition.trigger;
    if (campaign?.hasChanged && trigger?.type === 'segment' && trigger.includeCurrent) {
      const audience = { segment: trigger.segment };
      const request = { campaignId: id, version: campaign.version, requestId: null, requestHash: '' };
      await startBroadcast(tx, { ...request, data: {}, audience });
    }
    return campaign;
  });
}
