/** A step as it was written, valid or not, with where it is. */
export type Place = {
  step: Record<string, unknown>;
  /** `steps[1].cases[0].steps[2]` */
  path: string;
  /** The id that it has where none is given: `step-2-case-1-step-3`. */
  name: string;
  /** 1 for the campaign's own steps. */
  depth: number;
  /** Ids of the webhooks that a journey may have passed before it. */
  earlier: Set<string>;
};

/** Every step in the order written, at any depth. Takes anything, so that faults of one step do not hide the others'. */
export function placesOf(
  steps: unknown,
  list = { path: 'steps', name: 'step', depth: 1 },
  earlier = new Set<string>(),
): Place[] {
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((step: unknown, index): Place[] => {
    if (!isRecord(step)) return [];
    const path = `${list.path}[${index}]`;
    const name = `${list.name}-${index + 1}`;
    const place = { step, path, name, depth: list.depth, earlier: new Set(earlier) };
    const inner = innerLists(place).flatMap(({ steps: nested, ...at }) => {
      const passed = new Set(place.earlier);
      const places = placesOf(nested, { ...at, depth: list.depth + 1 }, passed);
      for (const id of passed) earlier.add(id);
      return places;
    });
    if (step['type'] === 'webhook' && typeof step['id'] === 'string') earlier.add(step['id']);
    return [place, ...inner];
  });
}

/** How many steps there are at all depths. */
export function countSteps(steps: unknown): number {
  if (!Array.isArray(steps)) return 0;
  return steps.reduce<number>((sum, step: unknown) => {
    const inner = isRecord(step) ? innerLists({ step, path: '', name: '' }) : [];
    return sum + 1 + inner.reduce((nested, list) => nested + countSteps(list.steps), 0);
  }, 0);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function innerLists({
  step,
  path,
  name,
}: Pick<Place, 'step' | 'path' | 'name'>): { steps: unknown; path: string; name: string }[] {
  if (step['type'] !== 'branch') return [];
  const cases: unknown[] = Array.isArray(step['cases']) ? step['cases'] : [];
  return [
    ...cases.map((one, index) => ({
      steps: isRecord(one) ? one['steps'] : undefined,
      path: `${path}.cases[${index}].steps`,
      name: `${name}-case-${index + 1}-step`,
    })),
    { steps: step['otherwise'], path: `${path}.otherwise`, name: `${name}-otherwise-step` },
  ];
}
