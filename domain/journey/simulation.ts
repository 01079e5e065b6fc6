import type { KeptAnswer } from '../campaign/answers.ts';
import { campaignScope } from '../campaign/campaign-scope.ts';
import type { CompiledCampaign } from '../campaign/compiled-campaign.ts';
import type { Facts } from '../condition/evaluate-condition.ts';
import type { DestinationRules } from '../delivery/address.ts';
import type { AttemptClass } from '../delivery/outcome.ts';
import type { Json } from '../json.ts';
import type { Scope, ScopeInput } from '../scope.ts';
import type { CompiledSegment } from '../segment/compiled-segment.ts';
import type { Plan } from '../walk.ts';
import type { AtStep, SetAttributes, StartedWait } from './decision.ts';
import type { RenderedDelivery } from './render-delivery.ts';

type Person = ScopeInput['person'];

export type SimulatedEvent = { id: string; name: string; data: Record<string, Json>; timestamp: Date };

/** What a receiver is taken to answer. Header names are in lower case; `body` is the answer's very text. */
export type SimulatedAnswer = { status: number; headers: Record<string, string>; body: string };

/** A journey that is only tried out: what begins it, and how the world behaves meanwhile. */
export type Simulation = Pick<ScopeInput, 'event' | 'trigger'> & {
  compiled: CompiledCampaign;
  plan: Plan;
  person: Person;
  /** Whether nothing is sent to them. */
  suppressed: boolean;
  secrets: Record<string, string>;
  /** By step id; a webhook without one is answered 200 with `{}`. */
  answers: Record<string, SimulatedAnswer>;
  rules: DestinationRules;
  /** As of a real journey at a step that is reached at that moment. */
  activity(now: Date): ReturnType<AtStep['activity']>;
  /** What the person does meanwhile, in the order of time. */
  events: SimulatedEvent[];
  /** The person's past, what begins the journey included. */
  facts: Facts;
  /** All that there are, by id: the person belongs to those whose definitions they meet. */
  segments: ReadonlyMap<string, CompiledSegment>;
  now: Date;
  /** The person's attributes with changes made to them. Throws `people.too_large`. */
  changed(person: Person, changes: Record<string, Json>): Person['attributes'];
  /** Called before each step, and before a wait or a goal is judged: the walk may be made to wait, or be given up by throwing. */
  atBoundary(): Promise<void>;
};

/** A line as a journey's log has it; `at` is virtual. */
export type SimulatedLine = { at: Date; step: string | null; what: string; details: Record<string, Json> };

export type SimulatedDelivery = Omit<RenderedDelivery, 'state'> & {
  state: RenderedDelivery['state'] | 'sent';
  /** What the receiver was taken to answer; null where nothing was sent. */
  answer: { status: number; class: AttemptClass } | null;
};

/** What has happened so far, where a real journey has rows. */
export type Past = {
  now: Date;
  person: Person;
  log: SimulatedLine[];
  deliveries: Map<string, SimulatedDelivery>;
  responses: Record<string, KeptAnswer>;
  /** What ended earlier waits, by step. */
  events: Record<string, SimulatedEvent>;
  /** What the journey has begun to wait for. */
  wait: StartedWait | null;
  /** How many of the given events the next wait does not see any more. */
  seen: number;
  /** How many of them have come, as far as they concern the journey wherever it stands. */
  met: number;
  /** When one of them was the goal. */
  convertedAt: Date | null;
};

/** Ids as long as real ones, so that what is rendered has its true length. */
export const SIMULATED = {
  journey: 'jrn_00000000-0000-7000-8000-000000000000',
  event: 'evt_00000000-0000-7000-8000-000000000000',
  eventNumber: (number: number) => `evt_00000000-0000-7000-8000-${String(number).padStart(12, '0')}`,
  delivery: (number: number) => `dlv_00000000-0000-7000-8000-${String(number).padStart(12, '0')}`,
};

export const inputNow = ({ event, trigger }: Simulation, { person, responses, events, now }: Past) => ({
  person,
  event: event ?? null,
  trigger,
  responses,
  events,
  now,
  journey: { id: SIMULATED.journey },
});

export const scopeNow = (
  simulation: Simulation,
  past: Past,
  more: { delivery?: { id: string }; secrets: Record<string, string> },
): Scope => campaignScope(simulation.compiled.campaign, { ...more, ...inputNow(simulation, past) });

export const attributesOf =
  ({ changed }: Simulation, past: Past): SetAttributes =>
  async (changes) => {
    past.person = { ...past.person, attributes: changed(past.person, changes) };
  };

export function note(past: Past, step: string | null, what: string, details: Record<string, Json>): void {
  past.log.push({ at: past.now, step, what, details });
}
