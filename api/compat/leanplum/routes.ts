import { z } from 'zod';
import type { Db } from '../../../db/open.ts';
import { HooklineError } from '../../../domain/errors.ts';
import { parseInput } from '../../../domain/input/faults.ts';
import { assertDataFits, assertItems } from '../../body.ts';
import { judgeItems, outcomesOf, validOf } from '../../items.ts';
import type { Metrics } from '../../metrics.ts';
import { route, type Caller, type Route } from '../../route.ts';
import { noParams } from '../../schemas.ts';
import { assertStorable } from '../../storable.ts';
import { TRIGGER_ERRORS } from '../../trigger.ts';
import { assertOperator } from '../assert-operator.ts';
import { doInOrder } from '../do-in-order.ts';
import { decodeArguments } from './decode-arguments.ts';
import { callSchema, multiSchema, type Call } from './calls.ts';
import { dataOf, deedOf, SKIPPED, type Outcome } from './deed.ts';
import { leanplumDialect, refused } from './dialect.ts';

const done = z.strictObject({
  success: z.literal(true),
  reqId: z.string().optional(),
  warning: z.strictObject({ message: z.string() }).optional(),
});
const answer = z.strictObject({ response: z.array(z.union([done, refused])) }).meta({ id: 'LeanplumResponse' });

const multi = z.object({ action: z.literal('multi') });

const text = z.string().optional();
/** Each argument may stand in the query as well as in the body. */
const query = z.looseObject({
  action: text,
  appId: text,
  clientKey: text,
  apiVersion: text,
  devMode: text,
  userId: text,
  deviceId: text,
  reqId: text,
  time: text,
  createDisposition: text,
  userAttributes: text,
  event: text,
  value: text,
  info: text,
  currencyCode: text,
  params: text,
  messageId: text,
  values: text,
  data: text,
});

const app = { appId: 'shop', apiVersion: '1.0.6' };
const track = {
  action: 'track',
  userId: 'ada',
  event: 'order_placed',
  value: 120,
  params: { sku: 'a-7' },
  reqId: 'r-1',
};
const message = { action: 'sendMessage', userId: 'ada', messageId: 'offer', values: { code: 4711 } };
const attributes = { action: 'setUserAttributes', userId: 'ada', userAttributes: { plan: 'gold' }, time: 1767225600 };

type Dependencies = { db: Db; wake: () => void; wakeCarrier: () => void; metrics: Pick<Metrics, 'accepted'> };

/** Leanplum's API: one route, whose `action` says what is done. */
export function leanplumCompatRoutes({ db, wake, wakeCarrier, metrics }: Dependencies): Route[] {
  const perform = async (calls: Call[]) => {
    const { accepted, results } = await doInOrder(db, calls.map(deedOf));
    const after = () => {
      metrics.accepted(accepted);
      wake();
      if (calls.some(({ action }) => action === 'sendMessage')) wakeCarrier();
    };
    return { results, after };
  };

  async function many(data: unknown[], caller: Caller) {
    assertItems(data);
    const judged = judgeItems(data, (item) => parseCall(decodeArguments(item), caller));
    const { results, after } = await perform(validOf(judged));
    const response = outcomesOf(judged, results).map((outcome, index) => shown(outcome, data[index]));
    return { status: 200 as const, body: { response }, after };
  }

  async function one(given: unknown, caller: Caller) {
    const { results, after } = await perform([parseCall(given, caller)]);
    const [result = null] = results;
    if (result instanceof HooklineError) throw result;
    return { status: 200 as const, body: { response: [shown(result, given)] }, after };
  }

  const common = {
    path: '/compat/leanplum/api',
    scope: 'ingest',
    params: noParams,
    query,
    dialect: leanplumDialect,
    answers: { 200: answer },
    errors: ['people.too_large', ...TRIGGER_ERRORS],
  } satisfies Partial<Route>;
  const handle = (given: object, caller: Caller) => {
    const decoded = decodeArguments(given);
    return multi.safeParse(decoded).success
      ? many(parseInput(multiSchema, decoded).data, caller)
      : one(decoded, caller);
  };
  return [
    route({
      ...common,
      method: 'get',
      summary: 'Does what its action says, as Leanplum does',
      body: null,
      handle: (input) => handle(input.query, input.caller),
    }),
    route({
      ...common,
      method: 'post',
      summary: 'Does what its action says, as Leanplum does',
      judgesItems: 'within',
      forms: true,
      body: z.looseObject({}).optional(),
      described: z.union([callSchema, multiSchema]),
      examples: [
        { ...app, ...track },
        { ...app, ...attributes },
        { ...app, ...message },
        { ...app, action: 'multi', time: 1767225600, data: [{ ...attributes, action: 'start' }, track] },
      ],
      handle: (input) => handle({ ...input.query, ...input.body }, input.caller),
    }),
  ];
}

function parseCall(decoded: unknown, caller: Caller): Call {
  assertStorable(decoded);
  const call = parseInput(callSchema, decoded);
  if (call.action === 'track') assertDataFits(dataOf(call));
  if (call.action === 'sendMessage') assertOperator(caller, 'action', 'it enters people by hand');
  return call;
}

const named = z.object({ reqId: z.string() });

/** What came of a call, with the id that it was sent with. */
function shown(outcome: Outcome | HooklineError | null, call: unknown): z.infer<typeof done> | z.infer<typeof refused> {
  const reqId = named.safeParse(call).data;
  if (outcome instanceof HooklineError) return { success: false, ...reqId, error: { message: outcome.message } };
  return { success: true, ...reqId, ...(outcome === SKIPPED && SKIPPED) };
}
