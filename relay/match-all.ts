import type { MatchPerson } from './match.ts';

const MATCHES_AT_ONCE = 4;

/** A few people at a time; one who cannot be matched does not keep the others waiting. */
export async function matchAll(keys: string[], matchPerson: MatchPerson) {
  const queue = [...keys];
  const failures: { person: string; error: unknown }[] = [];
  let done = 0;
  const work = async () => {
    for (let key = queue.shift(); key !== undefined; key = queue.shift()) {
      try {
        done += await matchPerson(key);
      } catch (error) {
        failures.push({ person: key, error });
      }
    }
  };
  await Promise.all(Array.from({ length: MATCHES_AT_ONCE }, work));
  return { done, failures };
}
