import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { readFigures, type Figures } from '../db/figures.ts';
import type { Db } from '../db/open.ts';
import { idAround } from '../db/page.ts';
import { soon, TooLate } from '../db/soon.ts';
import { isUnavailable } from '../db/unavailable.ts';
import { breakerState, BREAKER_WINDOW_MS } from '../domain/delivery/breaker.ts';

/** Whoever asks again sooner gets the same figures: asking needs no key, and must cost nothing. */
const FRESH_MS = 5_000;
const KEPT_MS = 60_000;

/** Up to 10 s: what renders for many people may take that long. */
const SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type ServedRequest = { method: string; route: string; status: number; seconds: number };

export type Metrics = ReturnType<typeof createMetrics>;

type MetricsOptions = {
  db: Db;
  now: () => Date;
  /** Told where Postgres answers, but not with figures. */
  onError: (error: unknown) => void;
};

/** The figures of `/metrics`: requests and events of this process, and of Postgres what is waiting and what came of it. */
export function createMetrics({ db, now, onError }: MetricsOptions) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'hookline_http_request_seconds',
    help: 'Requests that this process answered, and how long they took',
    labelNames: ['method', 'route', 'status'],
    buckets: SECONDS,
    registers,
  });
  const events = new Counter({
    name: 'hookline_events_accepted_total',
    help: 'Events that this process stored',
    registers,
  });
  const ofPostgres = new Registry();
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name: `hookline_${name}`, help, labelNames, registers: [ofPostgres] });
  const waiting = gauge('waiting_people', 'People with something that a relay has to match');
  const lag = gauge('relay_lag_seconds', 'How long the first of them waits');
  const commands = gauge('commands', 'What Temporal has still to be told');
  const commandLag = gauge('command_lag_seconds', 'How long the first of that waits');
  const jobs = gauge('jobs', 'Tasks for many deliveries that are not done');
  const journeys = gauge('journeys', 'Journeys that have not ended', ['state']);
  const deliveries = gauge('deliveries', 'Deliveries that are not settled', ['state']);
  const recent = gauge('recent_deliveries', 'Deliveries of the last five minutes', ['state']);
  const drafts = gauge('drafts', 'Drafts that wait for a decision', ['campaign']);
  const draftAge = gauge('oldest_draft_seconds', 'How old the first of them is', ['campaign']);
  const parked = gauge('parked_deliveries', 'Deliveries that wait in line at their destination', ['reason']);
  const parkedAge = gauge('oldest_parked_seconds', 'How long the first of them waits', ['reason']);
  const breakers = gauge('destinations', 'Destinations that are left alone, by the state of their breaker', [
    'breaker',
  ]);
  const attempts = gauge('recent_attempts', 'Attempts of the last five minutes', ['class']);
  const attemptTime = gauge('recent_attempt_seconds', 'How long they took', ['class', 'quantile']);

  function show(figures: Figures): void {
    const labelled = [journeys, deliveries, recent, drafts, draftAge, parked, parkedAge, attempts, attemptTime];
    for (const each of labelled) each.reset();
    waiting.set(figures.people.count);
    lag.set(figures.people.oldestS);
    commands.set(figures.commands.count);
    commandLag.set(figures.commands.oldestS);
    jobs.set(figures.jobs);
    for (const [state, count] of Object.entries(figures.journeys)) journeys.set({ state }, count);
    for (const [state, count] of Object.entries(figures.deliveries)) deliveries.set({ state }, count);
    for (const [state, count] of Object.entries(figures.recent)) recent.set({ state }, count);
    for (const { campaign, count, oldestS } of figures.drafts) {
      drafts.set({ campaign }, count);
      draftAge.set({ campaign }, oldestS);
    }
    for (const { reason, count, oldestS } of figures.parked) {
      parked.set({ reason }, count);
      parkedAge.set({ reason }, oldestS);
    }
    const states = figures.breakers.map((until) => breakerState(until, now()));
    for (const breaker of ['open', 'halfOpen'])
      breakers.set({ breaker }, states.filter((state) => state === breaker).length);
    for (const { class: of, count, medianS, p99S } of figures.attempts) {
      attempts.set({ class: of }, count);
      attemptTime.set({ class: of, quantile: '0.5' }, medianS);
      attemptTime.set({ class: of, quantile: '0.99' }, p99S);
    }
  }

  let latest: { atMs: number; isPending: boolean; shown: Promise<void> } | undefined;
  let shownAtMs = -Infinity;
  const refresh = (): Promise<void> => {
    const atMs = now().getTime();
    // However long they take, they are counted once at a time.
    if (!latest || (!latest.isPending && atMs - latest.atMs >= FRESH_MS)) {
      const ago = (prefix: 'att' | 'dlv') => idAround(prefix, now(), -BREAKER_WINDOW_MS);
      const shown = readFigures(db, { attempt: ago('att'), delivery: ago('dlv') }).then((figures) => {
        show(figures);
        shownAtMs = now().getTime();
      });
      const started = { atMs, isPending: true, shown };
      latest = started;
      shown.then(
        () => (started.isPending = false),
        (error: unknown) => {
          latest = undefined;
          if (!isUnavailable(error)) onError(error);
        },
      );
    }
    return latest.shown;
  };

  return {
    contentType: registry.contentType,
    served: ({ method, route, status, seconds }: ServedRequest) => requests.observe({ method, route, status }, seconds),
    accepted: (count: number) => events.inc(count),
    /** All figures, in the text format of Prometheus; without those that come from Postgres while it does not give them, as nobody knows them. */
    async read(): Promise<string> {
      const known = await soon(refresh()).then(
        () => [registry, ofPostgres],
        (error: unknown) => {
          // They take their time on a large system: those of the last time are better than none.
          if (error instanceof TooLate && now().getTime() - shownAtMs < KEPT_MS) return [registry, ofPostgres];
          return [registry];
        },
      );
      return (await Promise.all(known.map((each) => each.metrics()))).join('');
    },
  };
}
