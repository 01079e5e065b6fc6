import { z } from 'zod';
import { clientId } from './schemas.ts';

const HOST = 'write a host such as api.example.com or api.example.com:8443';

/** The host of a destination; with a port only that one, also where it is the scheme's own, which origins leave out. */
const host = z
  .string()
  .refine((text) => /^[^\s/?#\\@]+$/.test(text) && URL.canParse(`https://${text}`), { error: HOST, abort: true })
  .transform((text) => {
    const origins = [`https://${text}`, `http://${text}`].map((url) => new URL(url).origin);
    return { name: new URL(`https://${text}`).hostname, origins: /:\d+$/.test(text) ? origins : null };
  });

/** Which deliveries are meant, in a query or in a body; `state` and `version` are those of the place. */
export const deliveryFilter = {
  campaign: clientId.optional(),
  webhook: clientId.optional(),
  step: clientId.optional(),
  person: clientId.optional(),
  host: host.optional(),
};

type Filter = {
  campaign?: string | undefined;
  webhook?: string | undefined;
  person?: string | undefined;
  step?: unknown;
  version?: unknown;
};

/** Steps and versions have their names within a campaign, versions also within a webhook. */
export function checkFilter({ campaign, webhook, person, step, version }: Filter, context: z.RefinementCtx): void {
  if (campaign !== undefined || person !== undefined) return;
  const refuse = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
  if (step !== undefined) refuse('step', 'a step belongs to a campaign: send campaign too, or person');
  if (version !== undefined && webhook === undefined)
    refuse('version', 'a version belongs to a campaign or a webhook: send campaign or webhook too, or person');
}
