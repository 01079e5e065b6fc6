import { z } from 'zod';
import type { AttributeValues } from '../../../db/people.ts';
import { parseInput } from '../../../domain/input/faults.ts';
import { anyId } from '../schemas.ts';

const NO_CIO_ID = 'there is none here; name the person by their id in the path';
const OTHER_ID = 'an id cannot be changed; merge_customers makes one person of two';

/** What identify says besides attributes. */
const reserved = z.object({
  id: anyId().nullish(),
  cio_id: z.never(NO_CIO_ID).optional(),
  anonymous_id: anyId().nullish(),
  _update: z.boolean().nullish(),
});

/** What an identify says of a person: as Customer.io has it, `null` and an empty text remove an attribute. */
export function parseProfile(id: string, body: AttributeValues) {
  const same = reserved.refine((given) => (given.id ?? id) === id, { path: ['id'], message: OTHER_ID });
  const meant = Object.entries(body).map(([name, value]) => [name, value === '' ? null : value]);
  const { anonymous_id: anonymousId, _update: onlyUpdate } = parseInput(same, Object.fromEntries(meant));
  const attributes: AttributeValues = Object.fromEntries(meant.filter(([name]) => name !== 'id' && name !== '_update'));
  return {
    attributes,
    anonymousId: anonymousId && anonymousId !== id ? anonymousId : null,
    onlyUpdate: onlyUpdate === true,
  };
}
