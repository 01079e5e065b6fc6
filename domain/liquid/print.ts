import { toValue } from 'liquidjs';

/** A value as text: nothing for a missing one, JSON for an object or a list. */
export function printed(value: unknown): string {
  const plain: unknown = toValue(value);
  if (typeof plain === 'string') return plain;
  if (plain === null || plain === undefined) return '';
  return typeof plain === 'object' ? JSON.stringify(plain) : String(plain);
}
