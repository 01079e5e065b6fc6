import { z } from 'zod';
import type { ErrorCode } from '../domain/errors.ts';
import { NDJSON, otherTypes } from './body.ts';
import { plainStatus } from './dialect.ts';
import { jsonSchemaOf, type JsonSchema } from './json-schema.ts';
import { PROBLEMS } from './problems.ts';
import { problemSchema } from './problem-schema.ts';
import { takenBody, type Route } from './route.ts';

const PREFIX = '#/components/schemas/';
const JSON_TYPE = 'application/json';
const LINES = { schema: { type: 'string', description: 'Objects of the list, one in each line.' } };

const parameter = (name: string, description: string, schema: JsonSchema) => ({
  name,
  in: 'header',
  required: false,
  description,
  schema,
});

const PARAMETERS = {
  IdempotencyKey: parameter(
    'Idempotency-Key',
    'Makes the request one that may be repeated within 24 hours: a repeat gets the same answer and does nothing more.',
    { type: 'string', minLength: 1, maxLength: 255 },
  ),
  Actor: parameter('X-Hookline-Actor', 'Who uses the key: kept with what is decided.', {
    type: 'string',
    maxLength: 255,
  }),
};

const HEADERS = {
  RequestId: { description: 'The id of this request, also in the log.', schema: { type: 'string' } },
  RetryAfter: { description: 'In how many seconds to come again.', schema: { type: 'integer' } },
};
const EACH = { 'X-Request-Id': { $ref: '#/components/headers/RequestId' } };
const LATER = { ...EACH, 'Retry-After': { $ref: '#/components/headers/RetryAfter' } };

/** What OpenAPI 3.1 says of the routes, from the very schemas that they are checked with. */
export function openApiOf(routes: Route[], version: string) {
  const shared = new Map<string, JsonSchema>();
  const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => jsonSchemaOf(schema, { io, prefix: PREFIX, shared });
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operationOf(route, schemaOf) };
  }
  schemaOf(problemSchema, 'output');
  return {
    openapi: '3.1.1',
    info: {
      title: 'Hookline',
      version,
      description:
        'Webhook campaigns. Scopes: `ingest` < `operate` < `admin`; a key may do what its scope and those before it allow.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key: `hk_<scope>_…`.' },
        basic: {
          type: 'http',
          scheme: 'basic',
          description: "An API key as Segment's user name, without a password, or as Customer.io's password.",
        },
        clientKey: { type: 'apiKey', in: 'query', name: 'clientKey', description: 'An API key; also in the body.' },
      },
      parameters: PARAMETERS,
      headers: HEADERS,
      schemas: Object.fromEntries([...shared].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

type SchemaOf = (schema: z.ZodType, io: 'input' | 'output') => JsonSchema;

function operationOf(route: Route, schemaOf: SchemaOf) {
  const { method, path, summary, scope, params, query, repeatable } = route;
  return {
    operationId: [method, ...path.split(/[^a-zA-Z0-9]+/)].filter(Boolean).reduce(camel),
    summary,
    tags: [path.startsWith('/compat/') ? 'compat' : (/^\/v1\/([\w-]+)/.exec(path)?.[1] ?? 'operation')],
    ...(scope !== null && { description: `Needs a key with the scope \`${scope}\`.` }),
    'x-scope': scope,
    security: scope === null ? [] : [...(route.dialect ? [{ [route.dialect.scheme]: [scope] }] : []), { key: [scope] }],
    parameters: [
      ...parametersOf(schemaOf(params, 'input'), 'path'),
      ...parametersOf(schemaOf(query, 'input'), 'query'),
      ...(repeatable || route.keyIsId ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
      ...(scope !== null && method !== 'get' ? [{ $ref: '#/components/parameters/Actor' }] : []),
    ],
    ...bodyOf(route, schemaOf),
    responses: { ...answersOf(route, schemaOf), ...problemsOf(route, schemaOf) },
  };
}

const camel = (name: string, word: string) => name + word.charAt(0).toUpperCase() + word.slice(1);

function parametersOf(schema: JsonSchema, place: 'path' | 'query') {
  const { properties = {}, required = [] } = z
    .object({ properties: z.record(z.string(), z.looseObject({})), required: z.array(z.string()) })
    .partial()
    .parse(schema);
  return Object.entries(properties).map(([name, one]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: one,
  }));
}

function bodyOf(route: Route, schemaOf: SchemaOf) {
  const { body, described, examples = [] } = route;
  if (!body) return {};
  const named = examples.map((value, index) => [`example${index + 1}`, { value }]);
  const media = {
    schema: schemaOf(described ?? body, 'input'),
    ...(examples.length > 0 && { examples: Object.fromEntries(named) }),
  };
  const types = [JSON_TYPE, ...otherTypes(route)];
  return {
    requestBody: {
      required: !body.safeParse(undefined).success,
      content: Object.fromEntries(types.map((type) => [type, type === NDJSON ? LINES : media])),
    },
  };
}

const answersOf = ({ answers, produces = JSON_TYPE, summary }: Route, schemaOf: SchemaOf) =>
  Object.fromEntries(
    Object.entries(answers).map(([status, schema]) => [
      status,
      { description: summary, headers: EACH, content: { [produces]: { schema: schemaOf(schema, 'output') } } },
    ]),
  );

/** Every code that a route may answer, by status. */
function problemsOf(route: Route, schemaOf: SchemaOf) {
  const all = codesOf(route);
  const { dialect } = route;
  const statusOf = (code: ErrorCode) => (dialect ? plainStatus(PROBLEMS[code].status) : PROBLEMS[code].status);
  const statuses = new Set(all.map(statusOf));
  return Object.fromEntries(
    [...statuses].map((status) => {
      const codes = all.filter((code) => statusOf(code) === status);
      const answer = {
        description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('\n\n'),
        headers: status === 429 || status === 503 ? LATER : EACH,
        content: dialect
          ? { [JSON_TYPE]: { schema: schemaOf(dialect.failure, 'output') } }
          : {
              'application/problem+json': {
                schema: { $ref: `${PREFIX}Problem`, properties: { code: { enum: codes } } },
              },
            },
      };
      return [status, answer];
    }),
  );
}

/** The codes of a route: its own, and those of what the app does for it. */
export function codesOf(route: Route): ErrorCode[] {
  const { scope, params, repeatable, errors = [] } = route;
  const body = takenBody(route);
  const hasPath = !params.safeParse({}).success;
  return [
    ...new Set<ErrorCode>([
      ...(scope === null ? [] : (['auth.missing', 'auth.invalid', 'auth.scope', 'auth.rate_limited'] as const)),
      ...(hasPath || body ? (['body.malformed'] as const) : []),
      ...(body ? (['body.too_large', 'body.unsupported_type'] as const) : []),
      ...(repeatable ? (['idempotency.mismatch', 'idempotency.in_progress'] as const) : []),
      'input.invalid',
      ...errors,
      'internal.error',
      'internal.unavailable',
    ]),
  ];
}
