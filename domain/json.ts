/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Whether a value is an object, and no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether Postgres can hold a text, in `text` and in `jsonb`: not with NUL, nor with half surrogate pairs. */
export const isStorable = (text: string) => !text.includes('\0') && text.isWellFormed();

/** Where a value has text that Postgres cannot hold (`user.name`, `tags[2]`), or null. */
export function findUnstorable(value: unknown, path = ''): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : path;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    const place = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    const found = isStorable(key) ? findUnstorable(inner, place) : storableText(place);
    if (found !== null) return found;
  }
  return null;
}

/** The text with what Postgres cannot hold replaced by U+FFFD: for what is only shown. */
export const storableText = (text: string) => text.replaceAll('\0', '\uFFFD').toWellFormed();

/** Whether objects and lists stand in one another more than `levels` deep. */
export function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}
