import { isRecord } from '../json.ts';

/** A step as it was written, valid or not, with where it is. */
export type Place = {
  step: Record<string, unknown>;
  /** `steps[1].cases[0].steps[2]` */
  path: string;
  /** The id that it has where none is given: `step-2-case-1-step-3`. */
  name: string;
  /** 1 for the campaign's own steps. */
  depth: number;
  /** Ids of the webhooks, and of the waits for events, that a journey may have passed before it. */
  earlier: Earlier;
};

export type Earlier = { webhooks: Set<string>; waits: Set<string> };

export const nothingEarlier = (): Earlier => ({ webhooks: new Set(), waits: new Set() });

/** Every step in the order written, at any depth. Takes anything, so that faults of one step do not hide the others'. */
export function placesOf(
  steps: unknown,
  list = { path: 'steps', name: 'step', depth: 1 },
  earlier = nothingEarlier(),
): Place[] {
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((step: unknown, index): Place[] => {
    if (!isRecord(step)) return [];
    const path = `${list.path}[${index}]`;
    const name = `${list.name}-${index + 1}`;
    const place = { step, path, name, depth: list.depth, earlier: copied(earlier) };
    // A wait is passed already on the paths that it has itself.
    if (step['type'] === 'wait' && typeof step['id'] === 'string' && 'event' in step) earlier.waits.add(step['id']);
    const before = copied(earlier);
    const inner = innerLists(place).flatMap(({ steps: nested, ...at }) => {
      const passed = copied(before);
      const places = placesOf(nested, { ...at, depth: list.depth + 1 }, passed);
      for (const id of passed.webhooks) earlier.webhooks.add(id);
      for (const id of passed.waits) earlier.waits.add(id);
      return places;
    });
    if (step['type'] === 'webhook' && typeof step['id'] === 'string') earlier.webhooks.add(step['id']);
    return [place, ...inner];
  });
}

const copied = ({ webhooks, waits }: Earlier): Earlier => ({ webhooks: new Set(webhooks), waits: new Set(waits) });

/** How many steps there are at all depths. */
export function countSteps(steps: unknown): number {
  if (!Array.isArray(steps)) return 0;
  return steps.reduce<number>((sum, step: unknown) => {
    const inner = isRecord(step) ? innerLists({ step, path: '', name: '' }) : [];
    return sum + 1 + inner.reduce((nested, list) => nested + countSteps(list.steps), 0);
  }, 0);
}

function innerLists({
  step,
  path,
  name,
}: Pick<Place, 'step' | 'path' | 'name'>): { steps: unknown; path: string; name: string }[] {
  const numbered = (field: string, word: string) => {
    const items: unknown[] = Array.isArray(step[field]) ? step[field] : [];
    return items.map((one, index) => ({
      steps: isRecord(one) ? one['steps'] : undefined,
      path: `${path}.${field}[${index}].steps`,
      name: `${name}-${word}-${index + 1}-step`,
    }));
  };
  const named = (field: string, word: string) => ({
    steps: step[field],
    path: `${path}.${field}`,
    name: `${name}-${word}-step`,
  });
  if (step['type'] === 'branch') return [...numbered('cases', 'case'), named('otherwise', 'otherwise')];
  if (step['type'] === 'wait') return [named('then', 'then'), named('onTimeout', 'timeout')];
  return step['type'] === 'split' ? numbered('variants', 'variant') : [];
}
