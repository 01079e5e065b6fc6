import type { PlacedFault } from './faults.ts';

/** A copy without the values at fault; an item of a list becomes null, so that the others keep their places. */
export function without(value: unknown, faults: PlacedFault[]): unknown {
  if (faults.some(({ at }) => at.length === 0)) return undefined;
  const copy: unknown = structuredClone(value);
  for (const { at } of faults) {
    const key = at.at(-1);
    const parent = at.slice(0, -1).reduce<unknown>((node, step) => child(node, step), copy);
    if (Array.isArray(parent) && typeof key === 'number') parent[key] = null;
    else if (isObject(parent)) delete parent[String(key)];
  }
  return copy;
}

function child(node: unknown, key: PropertyKey): unknown {
  if (Array.isArray(node)) return node[Number(key)];
  return isObject(node) && Object.hasOwn(node, key) ? node[String(key)] : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
