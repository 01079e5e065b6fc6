import { continueAsNew, setCurrentDetails } from '@temporalio/workflow';
import type { DeliveryInput } from './delivery.ts';
import { deliver, listenForWakes } from './sending.ts';

export type ResendInput = DeliveryInput & { resend: string };

/** A delivery that was sent or has failed, once more; its journey takes no part in it. */
export async function resend(input: ResendInput): Promise<void> {
  const woken = listenForWakes();
  const sent = await deliver(
    { id: input.delivery, resend: input.resend, timeoutMs: input.timeoutMs, held: false },
    {
      woken,
      summary: input.label,
      onWait: (what) => setCurrentDetails(`- ⏳ ${what}`),
      continueAsNew: () => continueAsNew<typeof resend>(input),
    },
  );
  setCurrentDetails(`- ${sent.state === 'sent' ? '✅' : '❌'} ${sent.state}`);
}
