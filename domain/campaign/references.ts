import { conditionSchema } from '../condition/condition.ts';
import { conditionPaths } from '../condition/needs.ts';
import type { InputFault } from '../errors.ts';
import { placeOf } from '../input/faults.ts';
import { hint } from '../input/nearest.ts';
import { parsePath } from '../condition/path.ts';
import { isRecord, type Place } from './places.ts';
import { templateFaults, templateVariables } from '../template.ts';

/** What refuses a campaign, and what its author should only know. */
export type Findings = { faults: InputFault[]; warnings: string[] };

/** Leanplum's `parameter` is the event, and the event's own fields stand beside it. */
const EVENT_ROOTS = ['event', 'parameter', 'event_name', 'event_timestamp', 'event_id'];

/**
 * What conditions and templates refer to and is not there: the event of a trigger that has none is a warning; the answer of
 * a webhook that does not come before is a fault in a condition, and a warning in a template, where it prints nothing.
 */
export function referenceFindings(campaign: Record<string, unknown>, places: Place[]): Findings {
  const trigger = isRecord(campaign['trigger']) ? campaign['trigger'] : {};
  const hasEvent = trigger['type'] === 'event';
  const none = new Set<string>();
  const inConditions = [
    { at: 'audience', condition: campaign['audience'], earlier: none },
    { at: 'trigger.where', condition: trigger['where'], earlier: none },
    ...places.flatMap(caseConditions),
  ].flatMap(conditionReferences);
  const inTemplates = places.flatMap(templateReferences);
  const missing = inConditions.flatMap((reference) => listed(missingAnswer(reference)));
  return {
    faults: missing.map(({ at, message }) => ({ path: at, message })),
    warnings: [
      ...inTemplates.flatMap((reference) => listed(missingAnswer(reference))),
      ...[...inConditions, ...inTemplates].flatMap((reference) => (hasEvent ? [] : listed(missingEvent(reference)))),
    ].map(({ at, message }) => `${at}: ${message}`),
  };
}

type Reference = { at: string; keys: string[]; earlier: Set<string> };
type Condition = { at: string; condition: unknown; earlier: Set<string> };

function missingAnswer({
  at,
  keys: [root, id = '', ...rest],
  earlier,
}: Reference): { at: string; message: string } | null {
  const path = placeOf([root ?? '', id, ...rest]);
  if (root === 'events') return { at, message: `${path}: no step before this waits for an event` };
  if (root !== 'responses' || id === '*' || earlier.has(id)) return null;
  const others = earlier.size > 0 ? hint(id, [...earlier]) : '';
  return { at, message: `${path}: no webhook with the id "${id}" comes before this${others}` };
}

function missingEvent({ at, keys }: Reference): { at: string; message: string } | null {
  if (!EVENT_ROOTS.some((root) => root === keys[0])) return null;
  return { at, message: `${placeOf(keys)} is always missing, as the trigger has no event` };
}

function caseConditions({ step, path, earlier }: Place): Condition[] {
  const cases: unknown[] = step['type'] === 'branch' && Array.isArray(step['cases']) ? step['cases'] : [];
  return cases.map((one, index) => ({
    at: `${path}.cases[${index}].when`,
    condition: isRecord(one) ? one['when'] : undefined,
    earlier,
  }));
}

function conditionReferences({ at, condition, earlier }: Condition): Reference[] {
  const { data } = conditionSchema.safeParse(condition);
  return data ? conditionPaths(data).map((path) => ({ at, keys: parsePath(path), earlier })) : [];
}

function templateReferences({ step, path, earlier }: Place): Reference[] {
  if (step['type'] !== 'webhook' && step['type'] !== 'update') return [];
  return templatesIn(step, path).flatMap(({ at, source }) =>
    templateFaults(source).length > 0
      ? []
      : templateVariables(source).map((variable) => ({ at, keys: variable.path, earlier })),
  );
}

/** Every text whose Liquid may read an event or an answer. */
function templatesIn(value: unknown, at: string): { at: string; source: string }[] {
  if (typeof value === 'string')
    return /\{[{%].*(?:event|parameter|responses)/s.test(value) ? [{ at, source: value }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => templatesIn(item, placeOf([index], at)));
  return isRecord(value) ? Object.entries(value).flatMap(([key, item]) => templatesIn(item, placeOf([key], at))) : [];
}

const listed = <T>(finding: T | null): T[] => (finding === null ? [] : [finding]);
