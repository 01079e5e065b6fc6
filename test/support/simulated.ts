import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { compileCampaign } from '../../domain/campaign/compiled-campaign.ts';
import { NO_FACTS } from '../../domain/condition/facts.ts';
import { simulate } from '../../domain/journey/simulate.ts';
import type { SimulatedAnswer, SimulatedEvent, Simulation } from '../../domain/journey/simulation.ts';

/** When a walk begins. */
export const NOW = new Date('2026-03-01T00:00:00Z');

/** Walks a manual campaign of these steps for somebody made up. */
export function walk(steps: object[], more: Partial<Simulation> = {}, rules: { goal?: object; exit?: object } = {}) {
  const { campaign, plan } = validateCampaign({ id: 'try', trigger: { type: 'manual' }, steps, ...rules });
  return simulate({
    compiled: compileCampaign(campaign),
    plan,
    person: { id: 'ada', attributes: {} },
    suppressed: false,
    secrets: {},
    answers: {},
    rules: { allowHttp: false, allowNetworks: [] },
    facts: NO_FACTS,
    segments: new Map(),
    activity: async () => [],
    events: [],
    now: NOW,
    changed: ({ attributes }, changes) => ({ ...attributes, ...changes }),
    atBoundary: async () => {},
    ...more,
  });
}

export const tell = (more: object = {}) => ({ type: 'webhook', id: 'tell', url: 'https://example.com/', ...more });
/** What the webhook `tell` is answered. */
export const answered = (status: number, body = '{}'): Record<string, SimulatedAnswer> => ({
  tell: { status, headers: {}, body },
});
/** The lines of a log as `step what`. */
export const brief = ({ log }: Awaited<ReturnType<typeof simulate>>) => log.map(({ step, what }) => `${step} ${what}`);

/** An event that comes so long after the walk began. */
export const eventAt = (seconds: number, name: string, data: SimulatedEvent['data'] = {}): SimulatedEvent => ({
  id: `evt_${seconds}`,
  name,
  data,
  timestamp: new Date(NOW.getTime() + seconds * 1000),
});
