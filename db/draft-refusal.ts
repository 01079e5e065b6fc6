import { HooklineError } from '../domain/errors.ts';
import type { DeliveryRow } from './deliveries.ts';

export type Asked = { revision?: number | undefined; now: Date };

type Draft = Pick<DeliveryRow, 'id' | 'state' | 'decision' | 'revision' | 'expiresAt'>;

/** Whether a delivery is a draft that may still be decided or edited, of the revision that was named. */
export const isOpenDraft = ({ state, revision, expiresAt }: Draft, asked: Asked): boolean =>
  state === 'drafted' &&
  (expiresAt === null || expiresAt > asked.now) &&
  (asked.revision === undefined || asked.revision === revision);

/** Why a delivery cannot be decided or edited. */
export function draftRefusal({ id, state, decision, revision, expiresAt }: Draft, asked: Asked): HooklineError {
  if (state !== 'drafted') {
    const when = decision ? ` It was decided at ${decision.at}: ${decision.decision}.` : '';
    return new HooklineError(
      'deliveries.not_drafted',
      `The delivery "${id}" is ${state}, and only drafts are decided or edited.${when}`,
    );
  }
  if (expiresAt !== null && expiresAt <= asked.now) {
    return new HooklineError('deliveries.expired', `The draft "${id}" expired at ${expiresAt.toISOString()}.`);
  }
  const message = `The draft "${id}" has the revision ${revision}, not ${asked.revision}. Look at it again, then decide.`;
  return new HooklineError('deliveries.revision', message);
}

export const noDelivery = (id: string) =>
  new HooklineError('deliveries.not_found', `No delivery has the id "${id}". GET /v1/deliveries lists them.`);
