import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { searchAttributes } from '../workflows/messages.ts';

/** Temporal's number of the type Keyword. */
const KEYWORD = 2;

/**
 * Registers the search attributes of journeys if this namespace lacks them and this client may. Answers whether they are there;
 * if not, prints the command that makes them: journeys run without, and the Temporal UI finds less.
 */
export async function registerSearchAttributes(client: Client, namespace: string, log: Logger): Promise<boolean> {
  const names = Object.values(searchAttributes).map((key) => key.name);
  try {
    const { operatorService } = client.connection;
    const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
    const missing = names.filter((name) => !(name in customAttributes));
    if (missing.length > 0) {
      await operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
      });
    }
    return true;
  } catch (error) {
    const flags = names.map((name) => `--name ${name} --type Keyword`).join(' ');
    const command = `temporal operator search-attribute create --namespace ${namespace} ${flags}`;
    log.warn({ err: error }, `The search attributes are not registered; journeys start without them. Run: ${command}`);
    return false;
  }
}
