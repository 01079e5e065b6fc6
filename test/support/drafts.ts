import { respond } from './behaviours.ts';
import { eventually } from './eventually.ts';
import { startHookline } from './hookline.ts';
import { startReceiver } from './receiver.ts';

export type Delivery = {
  id: string;
  state: string;
  revision: number;
  version: number;
  journey: string;
  missing: string[];
  request: { method: string; url: string; headers: Record<string, string>; body: string | null };
  mapping: { state: string };
  decision: object | null;
  code: string;
  errors: { path: string; message: string }[];
};

/** Hookline with a receiver that answers `{ lead: 7 }`, and campaigns whose only webhook, `tell`, is a draft. */
export async function startDrafts() {
  const [hookline, receiver] = await Promise.all([startHookline(), startReceiver()]);
  receiver.on('/hook', respond({ json: { lead: 7, name: 'Lead', plan: 'gold' } }));
  const { api } = hookline;
  const url = receiver.url('/hook');
  const definition = (campaign: string, fields: object, more: object = {}) => ({
    trigger: { type: 'event', event: campaign },
    steps: [
      { type: 'webhook', id: 'tell', url, body: { json: { id: '{{ customer.id }}' } }, send: 'draft', ...fields },
    ],
    ...more,
  });
  return {
    hookline,
    receiver,
    url,
    publish: (campaign: string, fields: object = {}, more: object = {}) =>
      hookline.publish(campaign, definition(campaign, fields, more)),
    /** Publishes the next version. */
    republish: (campaign: string, fields: object, more: object = {}) =>
      api('PUT', `/v1/campaigns/${campaign}`, definition(campaign, fields, more)),
    /** Lets a person into a campaign, and answers the draft. */
    async enter(campaign: string, person: string): Promise<Delivery> {
      await api('POST', '/v1/events', { person, name: campaign });
      return eventually(async () => {
        const path = `/v1/deliveries?person=${person}&campaign=${campaign}&state=drafted&include=bodies`;
        return (await api<{ data: Delivery[] }>('GET', path)).body.data[0];
      });
    },
    edit: (id: string, webhook: unknown, more: object = {}) =>
      api<Delivery>('PATCH', `/v1/deliveries/${id}`, { webhook, ...more }),
    decide: (id: string, decision: 'approve' | 'discard', body?: object) =>
      api<Delivery>('POST', `/v1/deliveries/${id}/${decision}`, body),
    rerender: (body: object) =>
      api<{ decided: number; refused: { id: string; code: string }[] }>('POST', '/v1/deliveries/rerender', body),
    delivery: async (id: string) => (await api<Delivery>('GET', `/v1/deliveries/${id}`)).body,
    settled: (id: string, state: string) =>
      eventually(async () => (await api<Delivery>('GET', `/v1/deliveries/${id}`)).body.state === state),
    bodiesOf: (id: string) =>
      receiver.requests
        .filter(({ headers }) => headers['idempotency-key'] === id)
        .map(({ body }) => JSON.parse(body.toString()) as unknown),
    async stop() {
      await hookline.stop();
      await receiver.close();
    },
  };
}

export type Drafts = Awaited<ReturnType<typeof startDrafts>>;
