import { conditionPaths, conditionSchema } from './condition.ts';
import type { InputFault } from './errors.ts';
import { placeOf, type PlacedFault } from './faults.ts';
import { hint } from './nearest.ts';
import { parsePath } from './path.ts';
import { countSteps, isRecord, placesOf, type Place } from './places.ts';
import { webhookFaults } from './request.ts';
import { templateFaults } from './template.ts';
import { webhookDefaultsSchema, webhookSchema } from './webhook.ts';

const LIMITS = { steps: 200, depth: 10, bytes: 256 * 1024, nesting: 64 };

type Findings = { faults: InputFault[]; warnings: string[] };

/** Whether a definition is too big to look into. */
export function sizeFault(input: unknown): InputFault | undefined {
  if (isDeeper(input, LIMITS.nesting)) return { path: '', message: `is nested more than ${LIMITS.nesting} deep` };
  const bytes = Buffer.byteLength(JSON.stringify(input) ?? '');
  if (bytes > LIMITS.bytes)
    return { path: '', message: `has ${bytes} bytes as JSON; a campaign may have ${LIMITS.bytes}` };
  const steps = isRecord(input) ? countSteps(input['steps']) : 0;
  if (steps > LIMITS.steps) return { path: 'steps', message: `are ${steps}; a campaign may have ${LIMITS.steps}` };
  return undefined;
}

/** The definition with the path's id where it has none, and ids by place for steps that may go without. */
export function nameSteps(input: unknown, pathId: string | undefined): unknown {
  if (!isRecord(input)) return input;
  const named = structuredClone(input);
  if (named['id'] === undefined && pathId !== undefined) named['id'] = pathId;
  for (const { step, name } of placesOf(named['steps'])) {
    if (step['id'] === undefined && step['type'] !== 'webhook') step['id'] = name;
  }
  return named;
}

/** The faults and warnings that the schema does not know, found in all that is left when its own (`misfits`) are taken out. */
export function findFaults(named: unknown, misfits: PlacedFault[], pathId: string | undefined): Findings {
  const campaign = without(named, misfits);
  if (!isRecord(campaign)) return { faults: [], warnings: [] };
  const places = placesOf(campaign['steps']);
  const trigger = isRecord(campaign['trigger']) ? campaign['trigger'] : {};
  const hasEvent = trigger['type'] === 'event';
  const conditions = [
    { at: 'audience', condition: campaign['audience'], earlier: new Set<string>() },
    { at: 'trigger.where', condition: trigger['where'], earlier: new Set<string>() },
    ...places.flatMap(caseConditions),
  ].map((found) => conditionFindings(found, hasEvent));
  return {
    faults: [
      ...campaignIdFaults(campaign['id'], misfits, pathId),
      ...stepIdFaults(places),
      ...depthFaults(places),
      ...contentFaults(campaign['defaults'], places),
      ...conditions.flatMap(({ faults }) => faults),
    ],
    warnings: conditions.flatMap(({ warnings }) => warnings),
  };
}

function campaignIdFaults(id: unknown, misfits: PlacedFault[], pathId: string | undefined): InputFault[] {
  if (id === undefined) {
    const known = misfits.some(({ at }) => at[0] === 'id');
    return known ? [] : [{ path: 'id', message: 'is missing; write an id such as gold-members' }];
  }
  if (pathId === undefined || id === pathId) return [];
  return [
    { path: 'id', message: `"${String(id)}" is not the id in the path, "${pathId}"; leave it out or make them equal` },
  ];
}

function stepIdFaults(places: Place[]): InputFault[] {
  const taken = new Map<unknown, string>();
  return places.flatMap(({ step: { id }, path }) => {
    const first = taken.get(id);
    if (id !== undefined && first === undefined) taken.set(id, path);
    return first === undefined
      ? []
      : [{ path: `${path}.id`, message: `"${String(id)}" is already the id of ${first}; give this step another` }];
  });
}

function depthFaults(places: Place[]): InputFault[] {
  const deep = places.find(({ depth }) => depth > LIMITS.depth);
  return deep
    ? [{ path: deep.path, message: `is nested ${deep.depth} deep; steps may nest ${LIMITS.depth} deep` }]
    : [];
}

/** Faults of templates, headers and URLs, in what the campaign's webhooks share and in each step. */
function contentFaults(shared: unknown, places: Place[]): InputFault[] {
  const defaults = webhookDefaultsSchema.safeParse(shared).data;
  return [
    ...webhookPartFaults(defaults ?? {}, 'defaults'),
    ...places.flatMap(({ step: { type, id: _, ...fields }, path }) => {
      if (type === 'webhook') return webhookPartFaults(fields, path, defaults);
      return type === 'update' ? updateFaults(fields['attributes'], path) : [];
    }),
  ];
}

/** A webhook may be incomplete here: the URL stands in for a missing one, which the schema has reported. */
function webhookPartFaults(fields: object, path: string, defaults?: Parameters<typeof webhookFaults>[2]): InputFault[] {
  const { data } = webhookSchema.safeParse({ url: 'https://example.com', ...fields });
  return data ? webhookFaults(data, path, defaults) : [];
}

function updateFaults(attributes: unknown, path: string): InputFault[] {
  return Object.entries(isRecord(attributes) ? attributes : {}).flatMap(([key, template]) =>
    templateFaults(typeof template === 'string' ? template : '').map(({ line, column, message }) => ({
      path: placeOf([key], `${path}.attributes`),
      message: `line ${line}, column ${column}: ${message}`,
    })),
  );
}

type Located = { at: string; condition: unknown; earlier: Set<string> };

function caseConditions({ step, path, earlier }: Place): Located[] {
  const cases: unknown[] = step['type'] === 'branch' && Array.isArray(step['cases']) ? step['cases'] : [];
  return cases.map((one, index) => ({
    at: `${path}.cases[${index}].when`,
    condition: isRecord(one) ? one['when'] : undefined,
    earlier,
  }));
}

function conditionFindings({ at, condition, earlier }: Located, hasEvent: boolean): Findings {
  const findings: Findings = { faults: [], warnings: [] };
  const { data } = conditionSchema.safeParse(condition);
  for (const path of data ? conditionPaths(data) : []) {
    const [root, id = ''] = parsePath(path);
    if (root === 'responses' && !earlier.has(id)) {
      const others = earlier.size > 0 ? hint(id, [...earlier]) : '';
      findings.faults.push({ path: at, message: `${path}: no webhook with the id "${id}" comes before this${others}` });
    }
    if (root === 'events')
      findings.faults.push({ path: at, message: `${path}: no step before this waits for an event` });
    if (root === 'event' && !hasEvent)
      findings.warnings.push(`${at}: ${path} is always missing, as the trigger has no event`);
  }
  return findings;
}

/** A copy without the values at fault; an item of a list becomes null, so that the others keep their places. */
function without(value: unknown, faults: PlacedFault[]): unknown {
  if (faults.some(({ at }) => at.length === 0)) return undefined;
  const copy: unknown = structuredClone(value);
  for (const { at } of faults) {
    const key = at.at(-1);
    const parent = at.slice(0, -1).reduce<unknown>((node, step) => child(node, step), copy);
    if (Array.isArray(parent) && typeof key === 'number') parent[key] = null;
    else if (isRecord(parent)) delete parent[String(key)];
  }
  return copy;
}

function child(node: unknown, key: PropertyKey): unknown {
  if (Array.isArray(node)) return node[Number(key)];
  return isRecord(node) && Object.hasOwn(node, key) ? node[String(key)] : undefined;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}
