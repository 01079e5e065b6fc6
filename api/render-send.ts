import type { Cipher } from '../db/cipher.ts';
import { renderedColumns } from '../db/frozen-request.ts';
import { newId } from '../db/id.ts';
import type { PersonRow } from '../db/people.ts';
import type { NewSend } from '../db/sends.ts';
import type { CompiledWebhook } from '../domain/campaign/compiled-webhook.ts';
import { HooklineError } from '../domain/errors.ts';
import { renderDelivery, suppressedDelivery } from '../domain/journey/render-delivery.ts';
import type { Json } from '../domain/json.ts';
import { buildScope } from '../domain/scope.ts';
import { patience } from './patience.ts';

/** For all people of a send together: its client waits, and all that is rendered is held until it is stored. */
const LONGEST_MS = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;

const FEWER = 'Nothing was sent: send it to fewer people at a time, or make its templates shorter.';

type Send = {
  compiled: CompiledWebhook;
  people: PersonRow[];
  data: Record<string, Json>;
  now: () => Date;
  secrets: Record<string, string>;
};

/** Renders and seals a request for each of the people. Throws `render.too_large` where all of them together take too much. */
export async function renderSend(
  cipher: Cipher,
  { compiled, people, data, now, secrets }: Send,
): Promise<NewSend['deliveries']> {
  const turn = patience(LONGEST_MS, `Rendering took over ${LONGEST_MS / 1000} s. ${FEWER}`);
  const deliveries: NewSend['deliveries'] = [];
  let bytes = 0;
  for (const person of people) {
    await turn();
    const at = now();
    const id = newId('dlv');
    const scope = buildScope({ person, trigger: data, secrets, now: at });
    const rendered = person.suppressed
      ? suppressedDelivery(compiled, id)
      : renderDelivery(compiled, scope, { id, now: at });
    const columns = renderedColumns(cipher, rendered);
    bytes += columns.frozen?.length ?? 0;
    if (bytes > MAX_BYTES) {
      throw new HooklineError('render.too_large', `The requests take over ${MAX_BYTES / 2 ** 20} MiB. ${FEWER}`);
    }
    deliveries.push({ ...columns, state: rendered.state, personKey: person.key });
  }
  return deliveries;
}
