import { z } from 'zod';

export type JsonSchema = { [keyword: string]: unknown };

const MOST = Number.MAX_SAFE_INTEGER;

/** What `z.json()` comes to, under its own name. */
const anyJson = (name: string) =>
  JSON.stringify({
    anyOf: [
      { type: 'string' },
      { type: 'number' },
      { type: 'boolean' },
      { type: 'null' },
      { type: 'array', items: { $ref: name } },
      { type: 'object', additionalProperties: { $ref: name } },
    ],
  });

/**
 * A schema as JSON Schema 2020-12: `input` as a client sends it, `output` as JSON shows it. Schemas with an `id` go into `shared`, and
 * are referred to as `<prefix><id>`. Two different ones with one id are a fault.
 */
export function jsonSchemaOf(
  schema: z.ZodType,
  { io, prefix, shared }: { io: 'input' | 'output'; prefix: string; shared: Map<string, JsonSchema> },
): JsonSchema {
  const { $schema: _, $defs = {}, ...whole } = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: tidy });
  const defs: [string, JsonSchema][] = Object.entries($defs);
  const isAny = ([name, def]: [string, unknown]) => JSON.stringify(def) === anyJson(`#/$defs/${name}`);
  const anyNames = new Set(defs.filter(isAny).map(([name]) => name));
  const named = <T>(value: T): T =>
    JSON.parse(JSON.stringify(value), (_key, part) => {
      const name = typeof part?.$ref === 'string' ? /^#\/\$defs\/(.*)$/.exec(part.$ref)?.[1] : undefined;
      if (name === undefined) return part;
      return anyNames.has(name) ? { description: 'any JSON' } : { ...part, $ref: prefix + name };
    });
  for (const [name, def] of defs.filter(([key]) => !anyNames.has(key))) {
    const fresh = named(def);
    const known = shared.get(name);
    if (name.startsWith('__') || (known && JSON.stringify(known) !== JSON.stringify(fresh)))
      throw new Error(`the schema ${name} needs an id of its own: ${JSON.stringify(fresh).slice(0, 300)}`);
    shared.set(name, fresh);
  }
  return named(whole);
}

/** Says what JSON can show of a schema, without what only says how zod checks it. */
function tidy({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: JsonSchema }): void {
  if (zodSchema._zod.def.type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  if (jsonSchema.minimum === -MOST) delete jsonSchema.minimum;
  if (jsonSchema.maximum === MOST) delete jsonSchema.maximum;
  const names = jsonSchema.propertyNames;
  if (JSON.stringify(names) === '{"type":"string"}') delete jsonSchema.propertyNames;
}
