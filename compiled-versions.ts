import { compileCampaign } from './domain/campaign/compiled-campaign.ts';
import { compileWebhook } from './domain/campaign/compiled-webhook.ts';
import { findVersion } from './db/campaigns.ts';
import { createVersionCache, type CompiledVersions } from './db/version-cache.ts';
import { findWebhookVersion } from './db/webhooks.ts';

/** Published campaigns and stored webhooks, their templates parsed once in a process. */
export const createCompiledVersions = (): CompiledVersions => ({
  campaigns: createVersionCache(findVersion, compileCampaign),
  webhooks: createVersionCache(findWebhookVersion, (webhook, id) => compileWebhook(id, webhook)),
});
