import type { createApiClient, JourneyBody } from './client.ts';
import { eventually } from './eventually.ts';

export type Line = { step: string | null; what: string; [field: string]: unknown };
export type Journey = JourneyBody & {
  reason: string | null;
  log: Line[];
  step: { id: string; type: string; until: string | null; waitsFor: string } | null;
};

/** What tests of journeys ask of Hookline again and again. */
export function journeysIn({
  api,
  publish,
  ended,
}: Pick<ReturnType<typeof createApiClient>, 'api' | 'publish' | 'ended'>) {
  const of = async (person: string): Promise<Journey[]> => {
    const { body } = await api<{ data: { id: string }[] }>('GET', `/v1/journeys?person=${person}`);
    return Promise.all(body.data.map(async ({ id }) => (await api<Journey>('GET', `/v1/journeys/${id}`)).body));
  };
  return {
    post: (person: string, name: string, more: object = {}) =>
      api<{ ids: string[] }>('POST', '/v1/events', { person, name, ...more }),
    /** All journeys of a person, oldest first. */
    of,
    /** The person's journeys, once so many of them stand in that state. */
    standing: (person: string, state: string, count = 1) =>
      eventually(async () => {
        const found = (await of(person)).filter((journey) => journey.state === state);
        return found.length === count && found;
      }),
    ended: async (person: string) => (await ended(person)) as Journey,
    /** Publishes a campaign that begins with the event of its name, and starts it. */
    publish: (campaign: string, steps: object[], more: object = {}) =>
      publish(campaign, { trigger: { type: 'event', event: campaign }, steps, ...more }),
  };
}

export const brief = ({ log }: Journey) => log.map(({ step, what }) => `${step} ${what}`);

export const exit = (reason: string) => [{ type: 'exit', reason }];
