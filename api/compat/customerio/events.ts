import { z } from 'zod';
import type { NewEvent } from '../../../db/events.ts';
import { assertDataFits } from '../../body.ts';
import type { StoreEvent } from '../../event-groups.ts';
import type { Metrics } from '../../metrics.ts';
import { route, type Route } from '../../route.ts';
import { clientId, fields, idParams, noParams } from '../../schemas.ts';
import { anyId, unixTime } from '../schemas.ts';
import { nothing, shared } from './shared.ts';

const NOBODY = 'an event needs a person here; send an anonymous_id';

const isView = (type: string | null | undefined) => type === 'page' || type === 'screen';

/** Unknown fields are dropped, as Customer.io does. What was seen may have a name as long as a URL. */
const given = {
  name: z.string().trim().min(1),
  type: z.string().nullish(),
  id: clientId.nullish(),
  data: fields.nullish(),
  timestamp: unixTime.nullish(),
};
type Given = z.infer<z.ZodObject<typeof given>>;

const isShort = ({ name, type }: Given) => isView(type) || name.length <= 255;
const SHORT = { path: ['name'], message: 'write at most 255 characters' };
const eventBody = z.object(given).refine(isShort, SHORT);
const anonymousBody = z.object({ ...given, anonymous_id: anyId(NOBODY) }).refine(isShort, SHORT);

const event = { name: 'order_placed', id: '01HB4HBDKTFWYZCK01DMRSWRFD', timestamp: 1767225600, data: { total: 120 } };
const page = { type: 'page', name: 'https://example.com/pricing' };

type Dependencies = { storeEvent: StoreEvent; wake: () => void; metrics: Pick<Metrics, 'accepted'> };

/** Customer.io's calls for events. */
export function customerEventRoutes({ storeEvent, wake, metrics }: Dependencies): Route[] {
  const store = async (one: NewEvent) => {
    const { isNew } = await storeEvent(one);
    const after = () => {
      metrics.accepted(isNew ? 1 : 0);
      wake();
    };
    return { status: 200 as const, body: {}, after };
  };
  const common = {
    ...shared,
    method: 'post',
    scope: 'ingest',
    answers: { 200: nothing },
    errors: ['events.too_large'],
  } satisfies Partial<Route>;
  return [
    route({
      ...common,
      path: '/compat/customerio/api/v1/customers/:id/events',
      summary: 'Stores an event of a person, as Customer.io does',
      params: idParams,
      body: eventBody,
      examples: [event, page],
      handle: async ({ params, body }) => store(eventOf(params.id, body)),
    }),
    route({
      ...common,
      path: '/compat/customerio/api/v1/events',
      summary: 'Stores an event of a visitor, as Customer.io does',
      params: noParams,
      body: anonymousBody,
      examples: [{ anonymous_id: 'visitor-7', ...event }],
      handle: async ({ body }) => store(eventOf(body.anonymous_id, body)),
    }),
  ];
}

/** The name of a page or screen is one of its data: what all of them are is how a campaign knows them. */
function eventOf(person: string, { name, type, id, data, timestamp }: Given): NewEvent {
  const view = isView(type) ? type : null;
  const event = {
    id: id ?? undefined,
    person,
    name: view ?? name,
    data: view ? { ...data, name } : (data ?? {}),
    timestamp: timestamp ?? undefined,
    backfill: false,
  };
  assertDataFits(event.data);
  return event;
}
