import { conditionSchema } from '../condition/condition.ts';
import { conditionPaths } from '../condition/needs.ts';
import type { InputFault } from '../errors.ts';
import { placeOf } from '../input/faults.ts';
import { hint } from '../input/nearest.ts';
import { parsePath } from '../condition/path.ts';
import { isRecord } from '../json.ts';
import { nothingEarlier, type Earlier, type Place } from './places.ts';
import { templateFaults, templateVariables } from '../template.ts';

/** What refuses a campaign, and what its author should only know. */
export type Findings = { faults: InputFault[]; warnings: string[] };

/** Leanplum's `parameter` is the event, and the event's own fields stand beside it. */
const EVENT_ROOTS = ['event', 'parameter', 'event_name', 'event_timestamp', 'event_id'];

/**
 * What conditions and templates refer to and is not there: the event or data of a trigger that has none is a warning; the answer of
 * a webhook, or the event of a wait, that does not come before is a fault in a condition, and a warning in a template, where it prints nothing.
 */
export function referenceFindings(campaign: Record<string, unknown>, places: Place[]): Findings {
  const trigger = isRecord(campaign['trigger']) ? campaign['trigger'] : {};
  const hasEvent = trigger['type'] === 'event';
  const hasData = trigger['type'] === 'manual';
  const inConditions = conditionsIn(campaign, places).flatMap(conditionReferences);
  const inTemplates = places.flatMap(templateReferences);
  const inDefaults = referencesIn(campaign['defaults'], 'defaults', nothingEarlier());
  const missing = inConditions.flatMap((reference) => listed(missingStep(reference)));
  return {
    faults: missing.map(({ at, message }) => ({ path: at, message })),
    warnings: [
      ...inTemplates.flatMap((reference) => listed(missingStep(reference))),
      ...[...inConditions, ...inTemplates, ...inDefaults].flatMap((reference) => [
        ...(hasEvent || reference.hasEvent ? [] : listed(missingEvent(reference))),
        ...(hasData ? [] : listed(missingData(reference))),
      ]),
    ].map(({ at, message }) => `${at}: ${message}`),
  };
}

/** Every condition of a campaign, valid or not, with where it is. */
export function conditionsIn(campaign: Record<string, unknown>, places: Place[]): Condition[] {
  const trigger = isRecord(campaign['trigger']) ? campaign['trigger'] : {};
  const goal = isRecord(campaign['goal']) ? campaign['goal'] : {};
  const earlier = nothingEarlier();
  return [
    { at: 'audience', condition: campaign['audience'], earlier },
    { at: 'trigger.where', condition: trigger['where'], earlier },
    { at: 'goal.where', condition: goal['where'], earlier, hasEvent: true },
    ...places.flatMap(stepConditions),
  ];
}

/** `hasEvent`: it is judged with an event of its own, whatever the trigger is. */
type Reference = { at: string; keys: string[]; earlier: Earlier; hasEvent?: boolean };
type Condition = { at: string; condition: unknown; earlier: Earlier; hasEvent?: boolean };

function missingStep({
  at,
  keys: [root = '', id = '', ...rest],
  earlier,
}: Reference): { at: string; message: string } | null {
  if ((root !== 'events' && root !== 'responses') || id === '*') return null;
  const known = root === 'events' ? earlier.waits : earlier.webhooks;
  if (known.has(id)) return null;
  const others = known.size > 0 ? hint(id, [...known]) : '';
  const what = root === 'events' ? 'wait for an event' : 'webhook';
  return { at, message: `${placeOf([root, id, ...rest])}: no ${what} with the id "${id}" comes before this${others}` };
}

function missingEvent({ at, keys }: Reference): { at: string; message: string } | null {
  if (!EVENT_ROOTS.some((root) => root === keys[0])) return null;
  return { at, message: `${placeOf(keys)} is always missing, as the trigger has no event` };
}

function missingData({ at, keys }: Reference): { at: string; message: string } | null {
  if (keys[0] !== 'trigger') return null;
  return { at, message: `${placeOf(keys)} is always missing, as only a manual trigger brings data` };
}

function stepConditions({ step, path, earlier }: Place): Condition[] {
  if (step['type'] === 'wait') {
    return [
      { at: `${path}.where`, condition: step['where'], earlier, hasEvent: true },
      { at: `${path}.until`, condition: step['until'], earlier },
    ];
  }
  const cases: unknown[] = step['type'] === 'branch' && Array.isArray(step['cases']) ? step['cases'] : [];
  return cases.map((one, index) => ({
    at: `${path}.cases[${index}].when`,
    condition: isRecord(one) ? one['when'] : undefined,
    earlier,
  }));
}

function conditionReferences({ condition, ...at }: Condition): Reference[] {
  const { data } = conditionSchema.safeParse(condition);
  return data ? conditionPaths(data).map((path) => ({ ...at, keys: parsePath(path) })) : [];
}

function templateReferences({ step, path, earlier }: Place): Reference[] {
  return step['type'] === 'webhook' || step['type'] === 'update' ? referencesIn(step, path, earlier) : [];
}

const referencesIn = (value: unknown, path: string, earlier: Earlier): Reference[] =>
  templatesIn(value, path).flatMap(({ at, source }) =>
    templateFaults(source).length > 0
      ? []
      : templateVariables(source).map((variable) => ({ at, keys: variable.path, earlier })),
  );

const READS = /event|parameter|responses|trigger|customer|user/i;

/** Every text whose Liquid may read a person, an event or an answer. */
export function templatesIn(value: unknown, at: string): { at: string; source: string }[] {
  if (typeof value === 'string') {
    const start = value.search(/\{[{%]/);
    return start >= 0 && READS.test(value.slice(start)) ? [{ at, source: value }] : [];
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => templatesIn(item, placeOf([index], at)));
  return isRecord(value) ? Object.entries(value).flatMap(([key, item]) => templatesIn(item, placeOf([key], at))) : [];
}

const listed = <T>(finding: T | null): T[] => (finding === null ? [] : [finding]);
