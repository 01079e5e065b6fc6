import { ApplicationFailure } from '@temporalio/activity';
import { expect } from 'vitest';
import { createHttp, type Http } from '../../activities/http.ts';
import type { AttemptRow, DeliveryDetail } from '../../db/deliveries.ts';
import type { DeliveryState } from '../../db/schema/deliveries.ts';
import type { AttemptClass, Phase } from '../../domain/delivery/outcome.ts';
import type { MappingResult } from '../../domain/journey/map-answer.ts';
import type { Json } from '../../domain/json.ts';
import { runIn, startActivities } from './activities.ts';
import { respond, type Behaviour } from './behaviours.ts';
import type { ReceivedRequest } from './receiver.ts';

/** One delivery of one person, to a destination that nobody else has, on a worker with a clock of its own. */
export type Target = {
  id: string;
  /** Of campaign and person; also the path and the begin of the host's name. */
  name: string;
  timeoutMs: number;
  clock: { now: Date };
  send(): Promise<unknown>;
  requests(): ReceivedRequest[];
};

/** What one run of the send activity left behind. */
export type Seen = { delivery: DeliveryDetail; attempt: AttemptRow; outcome: Outcome };

/** What the rows of the delivery and of its latest attempt say. */
export type Outcome = {
  class: AttemptClass | 'started' | 'unknown';
  /** The phase that the exchange ended in; null if it never began. */
  phase: Phase | null;
  status: number | null;
  error: string | null;
  delivery: DeliveryState;
  mapping: MappingResult['state'];
};

type Options = {
  /** Of the webhook step, over those that each case has. */
  fields?: object;
  attributes?: Record<string, Json>;
  /** Instead of a name of its own at the receiver; may be a template. */
  origin?: string;
  /** What follows in the URL; may be a template. */
  rest?: string;
  /** Instead of the network of all others. */
  http?: Http;
};

/** Used by every request, to be found nowhere afterwards. */
export const SECRET = 'correct-horse/battery+staple';

/** How much longer than its timeout an exchange may take, and the whole activity with its transactions. */
const GRACE_MS = 250;
const STORING_MS = 8_000;

const PHASES: Phase[] = ['body', 'headers', 'send', 'tls', 'connect', 'dns'];

/** The send activity with the real database, on a network where every name leads to this machine. */
export async function startHostile(network: Partial<Parameters<typeof createHttp>[0]> = {}) {
  const test = await startActivities();
  const lookup = async () => [{ address: '127.0.0.1', family: 4 }];
  const http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'], lookup, ...network });
  await test.putSecret('crm_key', SECRET);
  let count = 0;

  /** Makes a case whose receiver does this with its requests, in turn: render, freeze, ready to be sent. */
  async function target(
    does: Behaviour | Behaviour[],
    { fields, attributes, origin, rest = '', http: own }: Options = {},
  ): Promise<Target> {
    const name = `case-${(count += 1)}`;
    test.receiver.on(`/${name}`, ...[does].flat());
    const step = {
      type: 'webhook',
      id: 'tell',
      url: `${origin ?? test.receiver.origin.replace('127.0.0.1', `${name}.test`)}/${name}${rest}`,
      timeout: '1s',
      headers: { 'X-Key': '{{ secrets.crm_key }}' },
      body: { json: { name: '{{ customer.name }}' } },
      response: { attributes: { lead: '{{ response.lead }}' } },
      ...fields,
    };
    const journey = await test.enter(name, { steps: [step] }, { person: name, attributes: { name, ...attributes } });
    const id = await test.freeze(journey, 'tell');
    const clock = { now: test.clock.now };
    const { sendWebhook } = test.another({ http: own ?? http, now: () => clock.now });
    return {
      id,
      name,
      timeoutMs: Number.parseInt(step.timeout) * 1_000,
      clock,
      send: () => runIn(sendWebhook, { delivery: id }),
      requests: () => test.receiver.requests.filter(({ url }) => url.split(/[/?]/)[1] === name),
    };
  }

  /** Makes one attempt, and checks what holds after every attempt, whatever the receiver did. */
  async function attempt({ id, clock, timeoutMs, send }: Target): Promise<Seen> {
    const made = (await test.delivery(id)).attempts.length;
    const startedAt = performance.now();
    const told: unknown = await send().catch((reason: unknown) => reason);
    const tookMs = performance.now() - startedAt;
    const delivery = await test.delivery(id);
    const row = delivery.attempts[made];
    if (!row) throw new Error('the attempt left no row');
    const { durationMs, phases } = row;
    if (durationMs === null || phases === null) throw new Error('the attempt has no end');

    expect(delivery.attempts).toHaveLength(made + 1);
    expect(row).toMatchObject({ number: made + 1, trigger: 'automatic', startedAt: expect.any(Date) });
    expect(durationMs).toBeLessThan(timeoutMs + GRACE_MS);
    expect(tookMs).toBeGreaterThanOrEqual(durationMs - 1);
    expect(tookMs).toBeLessThan(timeoutMs + STORING_MS);
    const total = Object.values(phases).reduce((sum, ms) => sum + ms, 0);
    expect(total).toBeLessThan(durationMs + 5);
    expect(total).toBeGreaterThan(durationMs - GRACE_MS);
    expect(whatIsStored(delivery)).not.toContain(SECRET);
    if (told instanceof ApplicationFailure) {
      expect(told.type).toBe('delivery.retryable');
      expect(delivery.state).toBe('attempted');
      expect(delivery.nextAttemptAt).toEqual(new Date(clock.now.getTime() + Number(told.nextRetryDelay)));
    } else {
      expect(told).toEqual({ state: delivery.state, exit: false, detail: `webhook tell ${delivery.state}` });
      expect(delivery.nextAttemptAt).toBeNull();
    }
    return { delivery, attempt: row, outcome: outcomeOf(delivery, row) };
  }

  return {
    ...test,
    http,
    target,
    attempt,
    /** The next attempt, at its time and with a receiver that behaves: the same bytes with the same key, and it is sent. */
    async recover(case_: Target): Promise<void> {
      const { id, name, clock, requests } = case_;
      test.receiver.on(`/${name}`, respond({ json: { lead: 7 } }));
      clock.now = (await test.delivery(id)).nextAttemptAt ?? clock.now;
      expect((await attempt(case_)).outcome).toMatchObject({ class: 'sent', delivery: 'sent', mapping: 'applied' });
      expect(await test.attributes(name)).toMatchObject({ lead: 7 });
      expectSameRequests(id, requests());
    },
    /** Whatever the receivers did, no connection is left. */
    async stop() {
      await http.close();
      await test.receiver.waitForSilence();
      await test.stop();
    },
  };
}

export type Hostile = Awaited<ReturnType<typeof startHostile>>;

/** All that arrived is one request, as often as it was sent: nothing but the signature's time may differ. */
export function expectSameRequests(id: string, requests: ReceivedRequest[]): void {
  const shown = requests.map(({ at: _at, headers, ...request }) => ({
    ...request,
    headers: Object.fromEntries(
      Object.entries(headers).filter(([name]) => !/^webhook-(timestamp|signature)$/.test(name)),
    ),
  }));
  expect(shown[0]?.headers['idempotency-key']).toBe(id);
  for (const each of shown) expect(each).toEqual(shown[0]);
}

/** All columns that somebody may read, bytes as text; only `frozen` and `answer` are encrypted. */
function whatIsStored(delivery: DeliveryDetail): string {
  const bodies = delivery.attempts.map(({ responseBody }) => responseBody?.toString('latin1'));
  const sealed = [delivery.frozen, delivery.answer].map((bytes) => bytes?.toString('latin1'));
  return JSON.stringify([delivery, bodies, sealed]);
}

function outcomeOf(delivery: DeliveryDetail, attempt: AttemptRow): Outcome {
  return {
    class: attempt.class,
    phase: PHASES.find((phase) => attempt.phases && phase in attempt.phases) ?? null,
    status: attempt.status,
    error: attempt.error?.code ?? null,
    delivery: delivery.state,
    mapping: delivery.mapping.state,
  };
}
