import type { Client } from '@temporalio/client';
import { CALL_DEADLINE_MS } from './ask.ts';

/** The id that Temporal gave the client's namespace: one that was wiped and made again has another. */
export async function readNamespaceId(client: Client): Promise<string> {
  const { namespace } = client.options;
  const { namespaceInfo } = await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
    client.workflowService.describeNamespace({ namespace }),
  );
  if (!namespaceInfo?.id) throw new Error(`Temporal says no id of the namespace ${namespace}`);
  return namespaceInfo.id;
}
