/** What a workflow needs to know of a campaign version: kinds, ids and durations. Everything else stays in Postgres. */
export type Plan = { steps: PlanStep[] };

export type PlanStep =
  | { type: 'delay'; id: string }
  | { type: 'webhook'; id: string; timeoutMs: number }
  | { type: 'branch'; id: string; cases: PlanStep[][]; otherwise: PlanStep[] }
  | { type: 'wait'; id: string; then: PlanStep[]; onTimeout: PlanStep[] }
  | { type: 'split'; id: string; variants: PlanStep[][] }
  | { type: 'update'; id: string }
  | { type: 'exit'; id: string };

/**
 * The newest form of plans, and of what comes with them, that this walk understands, and every one before it; a journey with a newer one
 * is refused rather than misread. 3: a memo has what a journey shows with its first search attributes.
 */
export const PLAN_VERSION = 3;

/** How a step left the journey: at the next step, or at the journey's end, with the reason. */
export type Prepared =
  | { type: 'delay'; until: string }
  /** Until a row in Postgres is closed: `ended` says how, where it is. `until` is when it closes by itself. */
  | { type: 'wait'; until: string | null; ended: WaitPath | null }
  /** `held`: it is sent only after an operator's approval, and the journey stays until the decision. */
  | { type: 'webhook'; delivery: string; label: string; send: boolean; held?: true }
  | { type: 'branch'; taken: number | null }
  | { type: 'split'; taken: number }
  | { type: 'update' }
  | { type: 'ended'; reason: string };

/** Which way a journey leaves a wait; `elapsed` where time alone was waited for. */
export type WaitPath = 'then' | 'onTimeout' | 'elapsed';

export type Wait = { until: string | null; ended: WaitPath | null };

/** What came of a delivery; `exit` where its failure ends the journey. */
export type Sent = { state: 'sent' | 'failed' | 'discarded' | 'cancelled'; exit: boolean; detail: string };

export type Ending = { state: 'completed' | 'exited'; reason: string | null };

/** `held` waits for an operator's decision first. */
export type SendableDelivery = { id: string; label: string; timeoutMs: number; held: boolean };

/**
 * What a walk asks of the world. Temporal's workflow has durable ones; trying a campaign out has simulated ones.
 * Each may be called again for the same step and must then answer the same.
 */
export type Verbs = {
  /** Before each step: the place where a long journey may be cut and continued. */
  atBoundary(step: PlanStep): Promise<void>;
  /** Evaluates, renders and stores what the step decides. */
  prepare(step: PlanStep): Promise<Prepared>;
  /** Returns at the absolute time `until` (RFC 3339), at once when it is past. */
  sleepUntil(until: string, step: PlanStep): Promise<void>;
  /** Returns when what is waited for has come, or its time is over. */
  waitFor(wait: Wait, step: PlanStep): Promise<WaitPath>;
  /** Returns when the delivery is sent, has finally failed, or will never be sent. */
  send(delivery: SendableDelivery, step: PlanStep): Promise<Sent>;
};

/**
 * Walks a plan to its end, or from the step `position` on where a journey is taken up again; throws where the plan has no such
 * step. Steps nest and never jump, so every walk ends.
 */
export async function walk(plan: Plan, verbs: Verbs, position?: string): Promise<Ending> {
  const found = position === undefined || plan.steps.some((step) => holds(step, position));
  if (!found) throw new Error(`the plan has no step "${position}" to be taken up at`);
  const seek = { position };
  const ending = await walkSteps(plan.steps, verbs, seek);
  return ending ?? { state: 'completed', reason: null };
}

/** The steps before the position are passed over; a path that holds the position is entered without a decision. */
async function walkSteps(
  steps: PlanStep[],
  verbs: Verbs,
  seek: { position?: string | undefined },
): Promise<Ending | null> {
  for (const step of steps) {
    if (seek.position === step.id) seek.position = undefined;
    const ending = seek.position ? await seekInside(step, verbs, seek) : await take(step, verbs, seek);
    if (ending) return ending;
  }
  return null;
}

async function seekInside(
  step: PlanStep,
  verbs: Verbs,
  seek: { position?: string | undefined },
): Promise<Ending | null> {
  const path = pathsOf(step).find((steps) => steps.some((inner) => holds(inner, seek.position)));
  return path ? walkSteps(path, verbs, seek) : null;
}

function holds(step: PlanStep, position: string | undefined): boolean {
  return step.id === position || pathsOf(step).some((steps) => steps.some((inner) => holds(inner, position)));
}

function pathsOf(step: PlanStep): PlanStep[][] {
  switch (step.type) {
    case 'branch':
      return [...step.cases, step.otherwise];
    case 'wait':
      return [step.then, step.onTimeout];
    case 'split':
      return step.variants;
    case 'delay':
    case 'webhook':
    case 'update':
    case 'exit':
      return [];
  }
}

async function take(step: PlanStep, verbs: Verbs, seek: { position?: string | undefined }): Promise<Ending | null> {
  await verbs.atBoundary(step);
  const prepared = await verbs.prepare(step);
  switch (prepared.type) {
    case 'delay':
      await verbs.sleepUntil(prepared.until, step);
      return null;
    case 'wait': {
      const path = await verbs.waitFor(prepared, step);
      if (step.type !== 'wait' || path === 'elapsed') return null;
      return walkSteps(path === 'then' ? step.then : step.onTimeout, verbs, seek);
    }
    case 'webhook': {
      if (!prepared.send) return null;
      const timeoutMs = step.type === 'webhook' ? step.timeoutMs : 0;
      const { delivery: id, label, held = false } = prepared;
      const sent = await verbs.send({ id, label, timeoutMs, held }, step);
      return sent.exit ? { state: 'exited', reason: sent.detail } : null;
    }
    case 'branch': {
      if (step.type !== 'branch') return null;
      const path = prepared.taken === null ? step.otherwise : step.cases[prepared.taken];
      return walkSteps(path ?? [], verbs, seek);
    }
    case 'split':
      return step.type === 'split' ? walkSteps(step.variants[prepared.taken] ?? [], verbs, seek) : null;
    case 'update':
      return null;
    case 'ended':
      return { state: 'exited', reason: prepared.reason };
  }
}
