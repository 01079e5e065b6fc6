import type { Campaign } from './campaign.ts';
import type { Json } from './json.ts';

/** What later steps see of an answer as `responses.<step id>`: fields of the body beside `http`. */
export type KeptAnswer = { http: { status: number }; body: Json };

const REFERENCE = /\bresponses(?:\.([\w-]+)|\[\s*\\?["']([^"'\\\]]+)\\?["']\s*\])(?:\.([\w-]+)|\[\s*\\?["']([^"'\\\]]+)\\?["']\s*\])?/g;

/**
 * Which fields of which step's answer a campaign's templates and conditions name: `null` stands for the whole body.
 * Answers that nobody names are not kept.
 */
export function namedAnswers(campaign: Campaign): Map<string, Set<string | null>> {
  const named = new Map<string, Set<string | null>>();
  for (const match of JSON.stringify(campaign.steps).matchAll(REFERENCE)) {
    const step = match[1] ?? match[2] ?? '';
    const field = match[3] ?? match[4] ?? null;
    named.set(step, (named.get(step) ?? new Set()).add(field));
  }
  return named;
}

/** The part of an answer that is kept: the named fields, or the whole body where it is named as a whole or is no object. */
export function keepAnswer(fields: Set<string | null>, status: number, body: Json): KeptAnswer {
  if (fields.has(null) || typeof body !== 'object' || body === null || Array.isArray(body)) return { http: { status }, body };
  const kept = Object.entries(body).filter(([name]) => fields.has(name));
  return { http: { status }, body: Object.fromEntries(kept) };
}
