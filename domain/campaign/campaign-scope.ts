import { buildScope, type Scope, type ScopeInput } from '../scope.ts';
import type { Campaign } from './campaign.ts';

/** What templates and conditions of a campaign see: all that is given, under the campaign's own name and time zone. */
export const campaignScope = (campaign: Campaign, input: Omit<ScopeInput, 'campaign' | 'timezone'>): Scope =>
  buildScope({
    ...input,
    campaign: { id: campaign.id, name: campaign.name ?? campaign.id },
    timezone: campaign.timezone,
  });
