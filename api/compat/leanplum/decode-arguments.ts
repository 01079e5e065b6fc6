import { parseJson, parsePart } from '../../body.ts';
import { judgedAt } from '../../try-out.ts';

/** Those that may be JSON in a text: so they are in a query and in a form, and many clients send them so within JSON. */
const IN_JSON = ['userAttributes', 'params', 'values', 'data'];

/** The arguments of a call as they are meant. An empty text, or `null`, is none, and a boolean is its text, as in a query. */
export function decodeArguments(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const named = Object.entries(given).filter(([, value]) => value !== '' && value !== null);
  return Object.fromEntries(named.map(([name, value]) => [name, decoded(name, value)]));
}

function decoded(name: string, value: unknown): unknown {
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string' || !IN_JSON.includes(name)) return value;
  return judgedAt(name, () => parsePart(() => parseJson(value, name)));
}
