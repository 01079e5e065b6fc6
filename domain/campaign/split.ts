import { createHash } from 'node:crypto';
import type { StepOf } from './steps.ts';

/** As many bytes of the hash as a double holds exactly. */
const HASH_BYTES = 6;

/**
 * The variant that a person takes, counted from 0: by a hash of the client's own id and that of the split, so that it is the same in
 * each journey, and in campaigns that have a split of one id.
 */
export function chooseVariant({ id, variants }: StepOf<'split'>, person: string): number {
  const hash = createHash('sha256')
    .update(JSON.stringify([id, person]))
    .digest();
  const percent = (hash.readUIntBE(0, HASH_BYTES) / 2 ** (8 * HASH_BYTES)) * 100;
  let upTo = 0;
  for (const [index, variant] of variants.entries()) {
    upTo += variant.percent;
    if (percent < upTo) return index;
  }
  // Shares that are fractions may add up to a little less than 100.
  return variants.findLastIndex((variant) => variant.percent > 0);
}
