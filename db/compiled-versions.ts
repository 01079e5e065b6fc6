import { compileCampaign, type CompiledCampaign } from '../domain/campaign/compiled-campaign.ts';
import { compileWebhook, type CompiledWebhook } from '../domain/campaign/compiled-webhook.ts';
import { findVersion } from './campaigns.ts';
import { createVersionCache, type VersionCache } from './version-cache.ts';
import { findWebhookVersion } from './webhooks.ts';

export type CompiledVersions = { campaigns: VersionCache<CompiledCampaign>; webhooks: VersionCache<CompiledWebhook> };

/** Published campaigns and stored webhooks, their templates parsed once in a process. */
export const createCompiledVersions = (): CompiledVersions => ({
  campaigns: createVersionCache(findVersion, compileCampaign),
  webhooks: createVersionCache(findWebhookVersion, (webhook, id) => compileWebhook(id, webhook)),
});
