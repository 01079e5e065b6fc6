import type { CompiledCampaign } from '../campaign/compiled-campaign.ts';
import type { Facts } from '../condition/evaluate-condition.ts';
import type { Json } from '../json.ts';
import type { Scope } from '../scope.ts';
import type { PlanStep, Prepared } from '../walk.ts';
import type { RenderedDelivery } from './render-delivery.ts';

/** What a step decided: what the walk is told, what the log shows, and until when the journey stays there. */
export type Decision = { prepared: Prepared; details: Record<string, Json>; until?: Date };

/** The log's word for what each kind of step decides. */
export const DECISION = {
  delay: 'delayed',
  webhook: 'rendered',
  branch: 'branched',
  update: 'updated',
  exit: 'exited',
} as const satisfies Record<PlanStep['type'], string>;

/** Changes attributes of the journey's person (null removes one). Throws `people.too_large`, and has then changed nothing. */
export type SetAttributes = (changes: Record<string, Json>) => Promise<void>;

/**
 * The journey at a step, for what decides there. Its functions read and write rows in a real journey, and variables where a
 * campaign is tried out.
 */
export type AtStep = {
  compiled: CompiledCampaign;
  now: Date;
  /** What templates and conditions see. */
  scope(): Promise<Scope>;
  /** What conditions ask of the person's past. */
  facts: Facts;
  setAttributes: SetAttributes;
  newDeliveryId(): string;
  keepDelivery(delivery: RenderedDelivery): Promise<void>;
};
