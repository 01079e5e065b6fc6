import { HooklineError } from '../errors.ts';
import type { Json } from '../json.ts';
import { evaluateMapping, type CompiledMapping } from '../request/mapping.ts';
import { shownError, type ShownError } from '../request/shown-error.ts';
import type { Scope } from '../scope.ts';
import type { SetAttributes } from './decision.ts';

/** The body of an answer as templates read it: its JSON, otherwise its text. */
export type Answer = { value: Json; isJson: boolean };

/** What an answer set on the person: `absent` stayed as they were, since the answer lacked a field. */
export type MappingResult = {
  state: 'none' | 'pending' | 'applied' | 'failed';
  attributes: Record<string, Json>;
  absent?: string[];
  error: ShownError | null;
};

export const UNMAPPED: MappingResult = { state: 'none', attributes: {}, error: null };

export function parseAnswer(text: string): Answer {
  try {
    return { value: JSON.parse(text) as Json, isJson: true };
  } catch {
    return { value: text, isJson: false };
  }
}

/** A 2xx with what is needed to map it. The scope is asked for only where it is. */
export type Answered = {
  status: number | null;
  headers: readonly (readonly [name: string, value: string])[];
  answer: Answer;
  /** Why the body is not whole. */
  bodyError: ShownError | null;
  scope(): Promise<Scope>;
  /** Of the request: no attribute may hold one. */
  secrets: readonly string[];
};

/** Writes parts of an answer to the person. Whatever fails changes nothing, and is kept with the delivery. */
export async function mapAnswer(
  mapping: CompiledMapping | null,
  { status, headers, answer, bodyError, scope, secrets }: Answered,
  setAttributes: SetAttributes,
): Promise<MappingResult> {
  if (!mapping) return UNMAPPED;
  try {
    if (bodyError) throw mappingFailed(`The answer's body cannot be used: ${bodyError.message}`);
    const http = { status, headers: Object.fromEntries(headers) };
    const seen = { ...(await scope()), response: answer.value, http };
    const { changes, absent, unanswered } = evaluateMapping(mapping, seen);
    if (unanswered.length > 0 && !answer.isJson) {
      throw mappingFailed(`The answer is no JSON, so that it has no field for ${unanswered.join(', ')}.`);
    }
    await setAttributes(changes);
    return { state: 'applied', attributes: changes, absent, error: null };
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return { state: 'failed', attributes: {}, error: shownError(error, secrets) };
  }
}

const mappingFailed = (message: string) => new HooklineError('mapping.failed', message);
