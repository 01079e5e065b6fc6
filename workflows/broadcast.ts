import {
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyLocalActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { Page, PageWait } from '../activities/enter-page.ts';
import { stopBroadcast } from './local-activities.ts';
import { listenForWakes, SHORTEST_WAIT_MS, type Woken } from './sending.ts';

export type BroadcastInput = { broadcast: string };

/** A page takes moments, and minutes at worst; with its worker it is lost, and soon begun again by another. */
const { enterPage } = proxyLocalActivities<Activities>({
  startToCloseTimeout: '2m',
  localRetryThreshold: '5s',
  retry: { initialInterval: '1s', maximumInterval: '1m' },
});

const WAITING: Record<PageWait['what'], string> = {
  starts: 'journeys to begin',
  resume: 'its campaign to be resumed',
  due: "people's own hour",
  segments: 'its segments to be filled',
};

/**
 * One start of a campaign for an audience: page by page, until everybody was selected and their journeys have begun. What was done
 * stands in Postgres, so that it may be started again anywhere. Cancelled in Temporal it is stopped.
 */
export async function broadcast(input: BroadcastInput): Promise<void> {
  const woken = listenForWakes();
  try {
    await enterAll(input, woken);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(async () => {
      await stopBroadcast(input);
      await enterAll(input, woken);
    });
  }
}

async function enterAll(input: BroadcastInput, woken: Woken): Promise<void> {
  const { broadcast: id } = input;
  for (;;) {
    woken.delete(id);
    const page = await enterPage(input);
    showPage(page);
    if (page.ended) return;
    if (page.waitsFor) {
      const { what, until } = page.waitsFor;
      const remainingMs = Math.max(Date.parse(until) - Date.now(), SHORTEST_WAIT_MS);
      await condition(() => woken.has(id), remainingMs, { summary: `waits for ${WAITING[what]}` });
    }
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof broadcast>(input);
  }
}

function showPage({ state, ended, selected, entered, waitsFor }: Page): void {
  const now = waitsFor ? `waits for ${WAITING[waitsFor.what]}, until ${waitsFor.until} at most` : DOING[state];
  const counts = `${selected} people selected${entered === null ? '' : `, ${entered} entered`}`;
  setCurrentDetails([`- ${counts}`, `- ${ended ? END[state] : `⏳ ${now}`}`].join('\n'));
}

const DOING = { running: 'selecting', completed: 'selecting', stopped: 'taking back who has not begun' };
const END = { running: '✅ completed', completed: '✅ completed', stopped: '❌ stopped' };
