import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { campaignSchema } from '../domain/campaign/campaign.ts';
import { VERSION } from '../version.ts';
import { jsonSchemaOf, type JsonSchema } from './json-schema.ts';
import { openApiOf } from './openapi.ts';
import { route, type Route } from './route.ts';
import { noParams, noQuery } from './schemas.ts';

/** The viewer is served from here: the page loads nothing from elsewhere, and its Content-Security-Policy sees to it. */
const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:">
<title>Hookline API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
`;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: null });\n`;

const anything = z.looseObject({});
const text = z.string();

/** What the API says of itself: OpenAPI, a page to browse it, and the format of campaigns. `routes` are all that there are. */
export function docRoutes(routes: () => Route[]): Route[] {
  const openApi = once(() => openApiOf(routes(), VERSION));
  const campaign = once(campaignFormat);
  const bundle = once(() => readViewer('swagger-ui-bundle.js'));
  const styles = once(() => readViewer('swagger-ui.css'));
  return [
    open('/openapi.json', 'Shows this description, as OpenAPI 3.1', {
      type: 'application/json',
      schema: anything,
      read: async () => openApi(),
    }),
    open('/v1/schemas/campaign.json', 'Shows the format of campaigns, as JSON Schema', {
      type: 'application/schema+json',
      schema: anything,
      read: async () => campaign(),
    }),
    open('/docs', 'Shows this description as a page', { type: 'text/html', schema: text, read: async () => PAGE }),
    open('/docs/start.js', 'Starts that page', { type: 'text/javascript', schema: text, read: async () => START }),
    open('/docs/swagger-ui-bundle.js', 'Draws that page', { type: 'text/javascript', schema: text, read: bundle }),
    open('/docs/swagger-ui.css', 'Styles that page', { type: 'text/css', schema: text, read: styles }),
  ];
}

/** The format alone, as editors take it; what a schema cannot say, such as unique ids, a `PUT` with `dryRun` finds. */
function campaignFormat() {
  const shared = new Map<string, JsonSchema>();
  const format = jsonSchemaOf(campaignSchema, { io: 'input', prefix: '#/$defs/', shared });
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...format, $defs: Object.fromEntries(shared) };
}

type Shown<T> = { type: string; schema: z.ZodType<T>; read: () => Promise<T> };

const open = <T>(path: string, summary: string, { type, schema, read }: Shown<T>): Route =>
  route({
    method: 'get',
    path,
    summary,
    scope: null,
    params: noParams,
    query: noQuery,
    body: null,
    answers: { 200: schema },
    produces: type,
    handle: async () => ({ status: 200, body: await read() }),
  });

const readViewer = (name: string): Promise<string> =>
  readFile(fileURLToPath(import.meta.resolve(`swagger-ui-dist/${name}`)), 'utf8');

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
