/** The campaigns that events of a run lead into, each by the event of its name. Every success counts one up on its person, but for `loose`. */
export const KINDS = ['counted', 'delayed', 'held', 'loose', 'paired'] as const;
/** The delay of `delayed`. */
export const DELAY_S = 2;
export type Kind = (typeof KINDS)[number];

export function campaignsTo(origin: string): Record<Kind, object> {
  const send = (fields: object = {}) => ({
    type: 'webhook',
    id: 'tell',
    url: `${origin}/hook`,
    timeout: '2s',
    // A worker that is killed spends attempts of many deliveries, and the receiver fails one in five.
    retry: { times: 50, within: '1h' },
    // What is rendered again cannot be the same.
    body: { json: { journey: '{{ journey.id }}', at: '{{ now }}' } },
    response: { attributes: { count: '{{ customer.count | default: 0 | plus: response.amount }}' } },
    ...fields,
  });
  const campaign = (event: Kind, ...steps: object[]) => ({ trigger: { type: 'event', event }, steps });
  return {
    counted: campaign('counted', send()),
    delayed: campaign('delayed', { type: 'delay', for: `${DELAY_S}s` }, send()),
    held: campaign('held', send({ send: 'draft' })),
    loose: campaign('loose', send({ send: 'draft', response: undefined })),
    paired: campaign('paired', {
      type: 'wait',
      id: 'second',
      event: 'followed',
      timeout: '1h',
      then: [send()],
      onTimeout: [{ type: 'exit', reason: 'no second event' }],
    }),
  };
}
