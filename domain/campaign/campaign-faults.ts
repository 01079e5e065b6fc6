import type { DestinationRules } from '../delivery/address.ts';
import type { InputFault } from '../errors.ts';
import type { PlacedFault } from '../input/faults.ts';
import { without } from '../input/without.ts';
import { isDeeper, isRecord } from '../json.ts';
import { countSteps, placesOf, type Place } from './places.ts';
import { type Findings, referenceFindings } from './references.ts';
import { unknownSegment } from '../segment/segment-faults.ts';
import { segmentNames } from './segment-names.ts';
import { mappingFaults, webhookFaults } from '../request/request-faults.ts';
import { type WebhookDefaults, webhookDefaultsSchema, webhookSchema } from './webhook.ts';
import { textOf } from '../input/text-of.ts';

const LIMITS = { steps: 200, depth: 10, bytes: 256 * 1024, nesting: 64 };

/** What a definition is checked against: the id in the path, where requests may go, and the segments that there are, each where it is known. */
export type Surroundings = {
  pathId?: string | undefined;
  rules?: DestinationRules | undefined;
  segments?: readonly string[] | undefined;
};

/** Whether a definition is too big to look into. */
export function sizeFault(input: unknown): InputFault | undefined {
  if (isDeeper(input, LIMITS.nesting)) return { path: '', message: `is nested more than ${LIMITS.nesting} deep` };
  const bytes = Buffer.byteLength(JSON.stringify(input) ?? '');
  if (bytes > LIMITS.bytes)
    return { path: '', message: `has ${bytes} bytes as JSON; a campaign may have ${LIMITS.bytes}` };
  const steps = isRecord(input) ? countSteps(input['steps']) : 0;
  if (steps > LIMITS.steps) return { path: 'steps', message: `are ${steps}; a campaign may have ${LIMITS.steps}` };
  const deep = isRecord(input) ? placesOf(input['steps']).find(({ depth }) => depth > LIMITS.depth) : undefined;
  if (deep) return { path: deep.path, message: `is nested ${deep.depth} deep; steps may nest ${LIMITS.depth} deep` };
  return undefined;
}

/** The definition with the path's id where it has none, and ids by place for steps that may go without. */
export function nameSteps(input: unknown, pathId: string | undefined): unknown {
  if (!isRecord(input)) return input;
  // By way of JSON, since what a YAML alias repeats is one object in two places.
  const named: unknown = JSON.parse(JSON.stringify(input));
  if (!isRecord(named)) return named;
  if (named['id'] === undefined && pathId !== undefined) named['id'] = pathId;
  for (const { step, name } of placesOf(named['steps'])) {
    if (step['id'] === undefined && !MUST_HAVE_IDS.has(step['type'])) step['id'] = idFromPlace(name);
  }
  return named;
}

/** What later steps, or statistics, name. */
const MUST_HAVE_IDS = new Set<unknown>(['webhook', 'split']);

/** Ids have 63 characters: deep places are written short. What is longer still has to be given one, as the schema says. */
function idFromPlace(name: string): string {
  if (name.length <= 63) return name;
  return name
    .replaceAll('-case-', '-c')
    .replaceAll('-variant-', '-v')
    .replaceAll(/-(o)therwise|-(t)(?:hen|imeout)/g, (word) => word.slice(0, 2))
    .replaceAll('-step-', '-s');
}

/** The faults and warnings that the schema does not know, found in what is left when its own (`misfits`) are taken out. */
export function findFaults(
  named: unknown,
  misfits: PlacedFault[],
  { pathId, rules, segments }: Surroundings,
): Findings {
  const campaign = without(named, misfits);
  if (!isRecord(campaign)) return { faults: [], warnings: [] };
  const places = placesOf(campaign['steps']);
  const references = referenceFindings(campaign, places);
  return {
    faults: [
      ...campaignIdFaults(campaign['id'], misfits, pathId),
      ...stepIdFaults(places),
      ...contentFaults(campaign['defaults'], places, rules),
      ...references.faults,
      ...(segments
        ? segmentNames(campaign).flatMap(({ path, segment }) => unknownSegment(path, segment, segments))
        : []),
    ],
    warnings: [...references.warnings, ...ruleWarnings(campaign)],
  };
}

/** Rules that do nothing as they stand. */
export function ruleWarnings(campaign: Record<string, unknown>): string[] {
  const { trigger, audience, exit } = campaign;
  const { from, to } = isRecord(trigger) ? trigger : {};
  const isSame = from !== undefined && JSON.stringify(from) === JSON.stringify(to);
  const asksAgain = isRecord(exit) && exit['whenNotInAudience'] === true;
  return [
    ...onceWarnings(campaign),
    ...(isSame ? ['trigger: from and to are the same value, so nobody enters'] : []),
    ...(asksAgain && audience === undefined ? ['exit.whenNotInAudience: there is no audience, so nobody leaves'] : []),
  ];
}

/** What comes again each year would find everybody there already. */
function onceWarnings({ trigger, entry }: Record<string, unknown>): string[] {
  if (!isRecord(trigger) || trigger['type'] !== 'date' || trigger['yearly'] !== true) return [];
  const { frequency = 'once' } = isRecord(entry) ? entry : {};
  const message =
    'trigger.yearly: each person enters in one year only, as entry.frequency is once; write everyTime for every year';
  return frequency === 'once' ? [message] : [];
}

function campaignIdFaults(id: unknown, misfits: PlacedFault[], pathId: string | undefined): InputFault[] {
  if (id === undefined) {
    const isKnown = misfits.some(({ at }) => at[0] === 'id');
    return isKnown ? [] : [{ path: 'id', message: 'is missing; write an id such as gold-members' }];
  }
  if (pathId === undefined || id === pathId) return [];
  const message = `"${textOf(id)}" is not the id in the path, "${pathId}"; leave it out or make them equal`;
  return [{ path: 'id', message }];
}

function stepIdFaults(places: Place[]): InputFault[] {
  const taken = new Map<unknown, string>();
  return places.flatMap(({ step: { id }, path }) => {
    const first = taken.get(id);
    if (id !== undefined && first === undefined) taken.set(id, path);
    if (first === undefined) return [];
    return [{ path: `${path}.id`, message: `"${textOf(id)}" is already the id of ${first}; give this step another` }];
  });
}

/** Faults of templates, headers and URLs, in what the campaign's webhooks share and in each step. */
function contentFaults(shared: unknown, places: Place[], rules?: DestinationRules): InputFault[] {
  const defaults = webhookDefaultsSchema.safeParse(shared).data;
  return [
    ...(defaults ? webhookPartFaults(defaults, 'defaults') : []),
    ...places.flatMap(({ step: { type, id: _, ...fields }, path }) => {
      if (type === 'webhook') return webhookPartFaults(fields, path, defaults, rules);
      return type === 'update' ? mappingFaults(texts(fields['attributes']), `${path}.attributes`) : [];
    }),
  ];
}

/** A webhook may be incomplete here: a URL stands in for a missing one, which the schema has reported. */
function webhookPartFaults(
  fields: object,
  path: string,
  defaults?: WebhookDefaults,
  rules?: DestinationRules,
): InputFault[] {
  const { data } = webhookSchema.safeParse({ url: 'https://example.com', ...fields });
  return data ? webhookFaults(data, path, defaults, rules) : [];
}

function texts(value: unknown): Record<string, string> {
  const entries = Object.entries(isRecord(value) ? value : {});
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
