import { CancellationScope, continueAsNew, isCancellation, setCurrentDetails } from '@temporalio/workflow';
import { cancelDelivery } from './local-activities.ts';
import { deliver, listenForWakes } from './sending.ts';

/** `resend` is there for a delivery that was settled before, and is sent once more. */
export type DeliveryInput = { delivery: string; resend?: string; label: string; timeoutMs: number };

/** One delivery that holds no journey: an approved draft, a send without a campaign, or a resend. */
export async function delivery(input: DeliveryInput): Promise<void> {
  const { delivery: id, resend, timeoutMs, label } = input;
  const woken = listenForWakes();
  try {
    const sent = await deliver(
      { id, resend, timeoutMs, held: false },
      {
        woken,
        summary: label,
        onWait: (what) => setCurrentDetails(`- ⏳ ${what}`),
        onGo: () => setCurrentDetails('- ⏳ sending'),
        continueAsNew: () => continueAsNew<typeof delivery>(input),
      },
    );
    setCurrentDetails(`- ${sent.state === 'sent' ? '✅' : '❌'} ${sent.state}`);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => cancelDelivery({ delivery: id, resend }));
    setCurrentDetails('- ❌ cancelled in Temporal');
  }
}
