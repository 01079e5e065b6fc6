import { allSteps, type Campaign } from './campaign.ts';
import { conditionPaths } from '../condition/needs.ts';
import { findUnstorable, isDeeper, type Json } from '../json.ts';
import { parsePath } from '../condition/path.ts';
import type { Step } from './steps.ts';
import { templateFaults, templateVariables } from '../template.ts';

/** What later steps see of an answer as `responses.<step id>`: fields of the body beside `http`. */
export type KeptAnswer = { http: { status: number }; body: Json };

/**
 * Which fields of which step's answer a campaign's templates and conditions name: `null` stands for the whole body, which is
 * kept too where the step or the field is computed. Answers that nobody names are not kept.
 */
export function namedAnswers(campaign: Pick<Campaign, 'steps' | 'defaults'>): Map<string, Set<string | null>> {
  const steps = allSteps(campaign.steps);
  const paths = [...templatePaths(campaign.defaults), ...steps.flatMap(pathsOf)];
  const named = new Map<string, Set<string | null>>();
  for (const [root, step = '*', field = '*'] of paths) {
    if (root !== 'responses') continue;
    for (const id of step === '*' ? steps.map((each) => each.id) : [step]) {
      named.set(id, (named.get(id) ?? new Set()).add(field === '*' ? null : field));
    }
  }
  return named;
}

function pathsOf(step: Step): string[][] {
  switch (step.type) {
    case 'branch':
      return step.cases.flatMap(({ when }) => conditionPaths(when)).map(parsePath);
    case 'webhook':
    case 'update':
      return templatePaths(step);
    case 'delay':
    case 'exit':
      return [];
  }
}

/** The variables of each text in a value that is valid Liquid; other texts are no templates. */
function templatePaths(value: unknown): string[][] {
  if (typeof value === 'string') {
    return templateFaults(value).length > 0 ? [] : templateVariables(value).map(({ path }) => path);
  }
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(templatePaths) : [];
}

const MAX_DEPTH = 64;

/**
 * The part of an answer that is kept: the named fields, or the whole body where it is named as a whole or is no object. What
 * Postgres could not hold in a log or a request, or nobody can walk, counts as missing.
 */
export function keepAnswer(fields: Set<string | null>, status: number, body: Json): KeptAnswer {
  if (fields.has(null) || typeof body !== 'object' || body === null || Array.isArray(body)) {
    return { http: { status }, body: isKeepable(body) ? body : null };
  }
  const kept = Object.entries(body).filter(([name, value]) => fields.has(name) && isKeepable(value));
  return { http: { status }, body: Object.fromEntries(kept) };
}

const isKeepable = (value: Json) => !isDeeper(value, MAX_DEPTH) && findUnstorable(value) === null;
