import { canonicalZone } from './zone.ts';

/** So many texts take some megabytes; to ask anew costs what it did the first time. */
const MOST_REMEMBERED = 100_000;
/** By the text in lower case, as case is free in zones. */
const remembered = new Map<string, string | undefined>();

/** As `canonicalZone`, for the same texts again and again: that takes long, most of all where they are no zones. */
function rememberedZone(written: string): string | undefined {
  // Other letters may become one of these in lower case.
  if (!/^[ -~]{1,64}$/.test(written)) return undefined;
  const text = written.toLowerCase();
  if (remembered.has(text)) return remembered.get(text);
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  const zone = canonicalZone(text);
  remembered.set(text, zone);
  return zone;
}

/**
 * The zones that people are in, each with the spellings in which they have it, given what stands as `timezone` at anybody. The
 * fallback is among them, whoever has it: it is that of people without a valid zone.
 */
export function zonesInUse(written: Iterable<string>, fallback: string): Map<string, string[]> {
  const zones = new Map([[canonicalZone(fallback) ?? fallback, new Array<string>()]]);
  for (const spelling of written) {
    const zone = rememberedZone(spelling);
    if (zone === undefined) continue;
    const spellings = zones.get(zone);
    if (spellings) spellings.push(spelling);
    else zones.set(zone, [spelling]);
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
