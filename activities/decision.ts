import type { Cipher } from '../db/cipher.ts';
import type { JourneyAtStep } from '../db/journeys.ts';
import type { Db } from '../db/open.ts';
import type { Json } from '../domain/json.ts';
import type { Prepared } from '../domain/walk.ts';
import type { CompiledCampaign } from './compiled-campaign.ts';

/** What a step decides from: the journey as it stands, held, and its compiled campaign. */
export type PrepareContext = { tx: Db; cipher: Cipher; at: JourneyAtStep; compiled: CompiledCampaign; now: Date };

/** What a step decided: what the walk is told, what the log shows, and until when the journey stays there. */
export type Decision = { prepared: Prepared; details: Record<string, Json>; until?: Date };
