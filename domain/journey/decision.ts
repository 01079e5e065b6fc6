import type { CompiledCampaign } from '../campaign/compiled-campaign.ts';
import type { Facts } from '../condition/evaluate-condition.ts';
import type { Json } from '../json.ts';
import type { Scope } from '../scope.ts';
import type { ActivityCount } from '../time/most-active-hour.ts';
import type { PlanStep, Prepared } from '../walk.ts';
import type { RenderedDelivery } from './render-delivery.ts';

/** What a step decided: what the walk is told, what the log shows, and until when the journey stays there. `what`: not its usual word. */
export type Decision = { prepared: Prepared; details: Record<string, Json>; what?: 'exited'; until?: Date };

/** The log's word for what each kind of step decides. */
export const DECISION = {
  delay: 'delayed',
  webhook: 'rendered',
  wait: 'waiting',
  branch: 'branched',
  split: 'split',
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
  /** The client's own id. */
  person: string;
  /** Whether nothing is sent to them. */
  suppressed: boolean;
  /** What templates and conditions see. */
  scope(): Promise<Scope>;
  /** Attributes as of now. */
  attributes: Record<string, Json>;
  /** How many events the person did in each quarter of an hour of the last 28 days. */
  activity(): Promise<ActivityCount[]>;
  /** What conditions ask of the person's past. */
  facts: Facts;
  setAttributes: SetAttributes;
  newDeliveryId(): string;
  keepDelivery(delivery: RenderedDelivery): Promise<void>;
  /** Begins to wait; whether it has come already is looked at afterwards. */
  keepWait(wait: StartedWait): Promise<void>;
  keepChoice(choice: { split: string; variant: string }): Promise<void>;
};

/** What a journey begins to wait for: an event, a condition, or a time that follows from the person and may move. */
export type StartedWait = {
  step: string;
  kind: 'event' | 'condition' | 'time';
  eventName: string | null;
  /** Whether also what came between the journey's begin and this step counts. */
  sinceEntry: boolean;
  deadline: Date | null;
  /** Whether time alone may fulfil it. */
  timed: boolean;
};
