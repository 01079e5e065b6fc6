import { z } from 'zod';

/** An id as campaigns, segments and steps have it. `example` is what a fault suggests. */
export function idSchema(example: string) {
  const error = `write an id such as ${example}: 1 to 63 of a-z, 0-9 and -, not starting with -`;
  return z.string({ error }).regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error });
}
