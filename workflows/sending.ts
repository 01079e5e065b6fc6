import { condition, defineSignal, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { SendableDelivery, Sent } from '../domain/walk.ts';
import { WAKE_SIGNAL } from './messages.ts';

/**
 * A killed worker is noticed by its heartbeat. With the time until the next try, and with a step before it that was lost too, a lost
 * request costs no more than the first retry of one that failed, as it is by default: 12 s at most.
 */
const HEARTBEAT_TIMEOUT = '6s';
/** Failures come with delays of their own; this is for a worker that was lost, or stops. */
const RETRY = { initialInterval: '1s', backoffCoefficient: 1 } as const;
/** Room to repeat a database write while the process lives. */
const WRITE_MARGIN_MS = 24 * 60 * 60_000;

/** Where a worker's clock is behind the server's, its "not yet" must not become a busy loop. */
export const SHORTEST_WAIT_MS = 1_000;

/** For the current details, and for who looks at the timer. */
const WAITING = {
  approval: 'waits for approval',
  breaker: 'waits until its destination works again',
  rateLimit: "waits for its time under the webhook's rate limit",
  slot: 'waits for a slot at its destination',
  pause: 'waits until its campaign is resumed',
};

const wakeSignal = defineSignal<[subject: string]>(WAKE_SIGNAL);

/** Ids of what was signalled since somebody last took note. */
export type Woken = Set<string>;

/** Takes note of wake-ups from now on: to be called before a workflow waits for anything. */
export function listenForWakes(onWake: (subject: string) => void = () => {}): Woken {
  const woken: Woken = new Set();
  setHandler(wakeSignal, (subject) => {
    woken.add(subject);
    onWake(subject);
  });
  return woken;
}

type Surroundings = {
  woken: Woken;
  /** Beside the activity in the Temporal UI. */
  summary: string;
  /** What the delivery waits for, in words; `held` where it is an operator's decision. */
  onWait(what: string, held: boolean): void;
  /** The wait is over; `held` as above. */
  onGo(held: boolean): void;
  /** Where the history has become long: continues the workflow as a new one. */
  continueAsNew(): Promise<never>;
};

/** Sends a delivery, or sends it again, with all its waiting and all its retries, to the end. */
export async function deliver(
  { id, timeoutMs, held, resend }: Omit<SendableDelivery, 'label'> & { resend?: string },
  { woken, summary, onWait, onGo, continueAsNew }: Surroundings,
): Promise<Sent> {
  const { sendWebhook } = proxyActivities<Activities>({
    startToCloseTimeout: timeoutMs + WRITE_MARGIN_MS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    retry: RETRY,
    summary,
  });
  const wait = async (reason: keyof typeof WAITING, until: string | null) => {
    const since = new Date().toISOString();
    onWait(
      `${WAITING[reason]}, since ${since}${until === null ? '' : `, until ${until} at most`}`,
      reason === 'approval',
    );
    const isWoken = () => woken.has(id);
    if (until === null) await condition(isWoken);
    else
      await condition(isWoken, Math.max(Date.parse(until) - Date.now(), SHORTEST_WAIT_MS), {
        summary: `${summary} ${WAITING[reason]}`,
      });
    onGo(reason === 'approval');
    if (workflowInfo().continueAsNewSuggested) await continueAsNew();
  };
  if (held) await wait('approval', null);
  for (;;) {
    woken.delete(id);
    const sent = await sendWebhook({ delivery: id, resend });
    if (sent.state !== 'parked') return sent;
    await wait(sent.reason, sent.until);
  }
}
