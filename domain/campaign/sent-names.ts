import { namesIn } from '../condition/named.ts';
import { parsePath } from '../condition/path.ts';
import { placeOf } from '../input/faults.ts';
import { didYouMean } from '../input/nearest.ts';
import { templateFaults, templateVariables } from '../template.ts';
import { allSteps, type Campaign } from './campaign.ts';
import { placesOf } from './places.ts';
import { conditionsIn, templatesIn } from './references.ts';

/** An event or an attribute that somebody has to send, or a campaign whose conversions count, and where it is named. */
export type SentName = { at: string; kind: 'event' | 'attribute' | 'campaign'; name: string };

/** What a campaign counts on, each where it stands first; not itself, nor the attributes that it sets. */
export function sentNames(campaign: Campaign): SentName[] {
  const places = placesOf(campaign.steps);
  const own = new Set(allSteps(campaign.steps).flatMap(attributesSet));
  const named = [
    ...triggerNames(campaign),
    ...conditionsIn(campaign, places).flatMap(({ condition, at }) => conditionNames(condition, at)),
    ...goalAndExitNames(campaign),
    ...templateNames(campaign.defaults, 'defaults'),
    ...places.flatMap(({ step, path }) => stepNames(step, path)),
  ];
  const isOwn = ({ kind, name }: SentName) =>
    kind === 'attribute' ? own.has(name) : kind === 'campaign' && name === campaign.id;
  return firstOfEach(named).filter((one) => !isOwn(one));
}

/** What a condition counts on. */
export const conditionNames = (condition: unknown, at: string): SentName[] =>
  namesIn(condition).flatMap(({ at: inner, what, name }): SentName[] => {
    const path = placeOf(inner, at);
    if (what === 'event' || what === 'campaign') return [{ at: path, kind: what, name }];
    return what === 'path' ? attributeOf(parsePath(name), path) : [];
  });

/** What to tell of a name under which nothing has come yet, with the one of these that was most likely meant. */
export function unsentWarning({ at, kind, name }: SentName, known: readonly string[]): string {
  const meant = didYouMean(name, known);
  if (kind === 'campaign') return `${at}: no campaign has the id "${name}" yet${meant}`;
  return `${at}: nobody has sent an ${kind} "${name}" yet${meant}`;
}

export function firstOfEach(names: SentName[]): SentName[] {
  const first = new Map(names.toReversed().map((one) => [`${one.kind}/${one.name}`, one]));
  return names.filter((one) => first.get(`${one.kind}/${one.name}`) === one);
}

function triggerNames({ trigger }: Campaign): SentName[] {
  switch (trigger.type) {
    case 'event':
      return [{ at: 'trigger.event', kind: 'event', name: trigger.event }];
    case 'attribute':
    case 'date':
      return [{ at: 'trigger.attribute', kind: 'attribute', name: trigger.attribute }];
    case 'segment':
    case 'schedule':
    case 'manual':
      return [];
  }
}

const goalAndExitNames = ({ goal, exit }: Campaign): SentName[] => [
  ...(goal ? [{ at: 'goal.event', kind: 'event' as const, name: goal.event }] : []),
  ...(exit?.events ?? []).map((name, index) => ({ at: `exit.events[${index}]`, kind: 'event' as const, name })),
];

function stepNames(step: Record<string, unknown>, at: string): SentName[] {
  const { type, event, until } = step;
  if (type === 'wait' && typeof event === 'string') return [{ at: `${at}.event`, kind: 'event', name: event }];
  if (type === 'delay' && typeof until === 'object' && until !== null && 'attribute' in until) {
    return attributeOf(['customer', String(until.attribute)], `${at}.until.attribute`);
  }
  return type === 'webhook' || type === 'update' ? templateNames(step, at) : [];
}

const templateNames = (value: unknown, at: string): SentName[] =>
  templatesIn(value, at)
    .filter(({ source }) => templateFaults(source).length === 0)
    .flatMap((template) => templateVariables(template.source).flatMap(({ path }) => attributeOf(path, template.at)));

/** `user` is Leanplum's word; the `id` of a person is no attribute, and what is computed no name. */
const attributeOf = ([root, name]: string[], at: string): SentName[] =>
  (root === 'customer' || root === 'user') && name !== undefined && name !== 'id' && name !== '*'
    ? [{ at, kind: 'attribute', name }]
    : [];

const attributesSet = (step: ReturnType<typeof allSteps>[number]): string[] => {
  if (step.type === 'update') return Object.keys(step.attributes);
  return step.type === 'webhook' ? Object.keys(step.response?.attributes ?? {}) : [];
};
