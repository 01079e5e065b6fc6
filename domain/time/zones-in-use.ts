import { canonicalZone } from './zone.ts';

/**
 * The zones that people are in, each with the spellings in which they have it, given what stands as `timezone` at anybody. The
 * fallback is among them, whoever has it: it is that of people without a valid zone.
 */
export function zonesInUse(written: string[], fallback: string): Map<string, string[]> {
  const zones = new Map([[canonicalZone(fallback) ?? fallback, new Array<string>()]]);
  for (const spelling of written) {
    const zone = canonicalZone(spelling);
    if (zone !== undefined) zones.set(zone, [...(zones.get(zone) ?? []), spelling]);
  }
  return zones;
}

/** How people in a zone are found: by their spelling of it, or, in the fallback, by having none of those that are `valid`. */
export type ZoneSpellings = { own: string[]; valid: string[] | null };

export function spellingsOf(zone: string, written: string[], fallback: string): ZoneSpellings {
  const zones = zonesInUse(written, fallback);
  const isFallback = zone === (canonicalZone(fallback) ?? fallback);
  return { own: zones.get(zone) ?? [], valid: isFallback ? [...zones.values()].flat() : null };
}
