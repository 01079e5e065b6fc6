import { continueAsNew, setCurrentDetails } from '@temporalio/workflow';
import { deliver, listenForWakes } from './sending.ts';

export type DeliveryInput = { delivery: string; label: string; timeoutMs: number };

/** One delivery that holds no journey: an approved draft, or a send without a campaign. */
export async function delivery(input: DeliveryInput): Promise<void> {
  const woken = listenForWakes();
  const sent = await deliver(
    { id: input.delivery, timeoutMs: input.timeoutMs, held: false },
    {
      woken,
      summary: input.label,
      onWait: (what) => setCurrentDetails(`- ⏳ ${what}`),
      onGo: () => setCurrentDetails('- ⏳ sending'),
      continueAsNew: () => continueAsNew<typeof delivery>(input),
    },
  );
  setCurrentDetails(`- ${sent.state === 'sent' ? '✅' : '❌'} ${sent.state}`);
}
