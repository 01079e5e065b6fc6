import { z } from 'zod';
import type { Db } from '../../../db/open.ts';
import { HooklineError } from '../../../domain/errors.ts';
import { refusedItem } from '../../answers/common.ts';
import { assertItems } from '../../body.ts';
import { judgeItems, outcomesOf, refusalsOf, shownRefusals, validOf } from '../../items.ts';
import type { Metrics } from '../../metrics.ts';
import { route, type Caller, type Route } from '../../route.ts';
import { noParams, noQuery } from '../../schemas.ts';
import { assertOperator } from '../assert-operator.ts';
import { doInOrder } from '../do-in-order.ts';
import { deedOf } from './deed.ts';
import { segmentDialect } from './dialect.ts';
import { MESSAGE_FIELDS, messageSchema, parseMessage, type SegmentEvent } from './messages.ts';

const MAX_BATCH_BYTES = 500 * 1024;

const person = { userId: 'ada', messageId: 'm-1' };

/** Whoever merges people has the scope for it here, too. */
const ROUTES = [
  { type: 'identify', scope: 'ingest', example: { ...person, traits: { plan: 'gold' } } },
  { type: 'track', scope: 'ingest', example: { ...person, event: 'order_placed', properties: { total: 120 } } },
  { type: 'page', scope: 'ingest', example: { ...person, name: 'Pricing' } },
  { type: 'screen', scope: 'ingest', example: { ...person, name: 'Basket' } },
  { type: 'group', scope: 'ingest', example: { ...person, groupId: 'acme', traits: { plan: 'team' } } },
  { type: 'alias', scope: 'operate', example: { ...person, previousId: 'visitor-7' } },
] as const;

const SUMMARIES = {
  identify: 'Merges attributes of a person, as Segment does',
  track: 'Stores an event, as Segment does',
  page: 'Stores that a page was seen, as Segment does',
  screen: 'Stores that a screen was seen, as Segment does',
  group: 'Stores that a person belongs to a group, as Segment does',
  alias: 'Makes one person of two, as Segment does',
};

const answer = z.strictObject({ success: z.literal(true) }).meta({ id: 'SegmentSuccess' });
const batchAnswer = answer.extend({ errors: z.array(refusedItem).optional() }).meta({ id: 'SegmentBatchSuccess' });

type Dependencies = { db: Db; wake: () => void; metrics: Pick<Metrics, 'accepted'> };

/** Segment's HTTP tracking API: its libraries send here what they would send there, and it becomes people and events. */
export function segmentCompatRoutes({ db, wake, metrics }: Dependencies): Route[] {
  const told = (accepted: number) => () => {
    metrics.accepted(accepted);
    wake();
  };
  const common = {
    method: 'post',
    params: noParams,
    query: noQuery,
    dialect: segmentDialect,
    errors: ['events.too_large', 'people.too_large'],
  } satisfies Partial<Route>;
  return [
    route({
      ...common,
      path: '/compat/segment/v1/batch',
      summary: 'Stores a list of messages, as Segment does',
      scope: 'ingest',
      maxBytes: MAX_BATCH_BYTES,
      judgesItems: 'within',
      body: z.object({ batch: z.array(z.unknown()).min(1) }),
      described: z.object({ batch: z.array(messageSchema).min(1).max(1000) }),
      examples: [{ batch: ROUTES.map(({ type, example }) => ({ type, ...example, messageId: `m-${type}` })) }],
      answers: { 200: batchAnswer },
      handle: async ({ body: { batch }, caller }) => {
        assertItems(batch);
        const judged = judgeItems(batch, (item) => allowed(parseMessage(item), caller));
        const { accepted, results } = await doInOrder(db, validOf(judged).map(deedOf));
        const refusals = refusalsOf(outcomesOf(judged, results), { what: 'messages', isList: true });
        const errors = shownRefusals(refusals);
        const success = true as const;
        return { status: 200, body: errors.length > 0 ? { success, errors } : { success }, after: told(accepted) };
      },
    }),
    ...ROUTES.map(({ type, scope, example }) =>
      route({
        ...common,
        path: `/compat/segment/v1/${type}`,
        summary: SUMMARIES[type],
        scope,
        body: z.looseObject({}),
        described: z.object(MESSAGE_FIELDS[type]),
        examples: [example],
        answers: { 200: answer },
        handle: async ({ body }) => {
          const { accepted, results } = await doInOrder(db, [deedOf(parseMessage({ ...body, type }))]);
          const [result] = results;
          if (result instanceof HooklineError) throw result;
          return { status: 200, body: { success: true as const }, after: told(accepted) };
        },
      }),
    ),
  ];
}

/** A key that may not merge people does not by way of a list either. */
function allowed(event: SegmentEvent, caller: Caller): SegmentEvent {
  if (event.merges !== undefined) assertOperator(caller, 'type', 'an alias makes one person of two');
  return event;
}
