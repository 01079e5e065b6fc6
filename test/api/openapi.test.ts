import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../api/app.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';

type Operation = {
  summary: string;
  'x-scope': string | null;
  security: object[];
  parameters: { $ref?: string; name?: string; in?: string }[];
  requestBody?: { content: Record<string, { schema: object; examples?: Record<string, { value: unknown }> }> };
  responses: Record<string, { content: Record<string, { schema: object }> }>;
};
type OpenApi = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; parameters: object; headers: object };
};

let hookline: Hookline;
let document: OpenApi;
/** Every route that Express has, whoever added it. */
let served: { method: string; path: string }[];

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  document = (await hookline.api<OpenApi>('GET', '/openapi.json')).body;
  const app = createApp({ ...hookline, db: hookline.database.db, log: pino({ level: 'silent' }) });
  served = app.router.stack.flatMap(({ route }) =>
    route ? Object.keys(methodsOf(route)).map((method) => ({ method, path: route.path })) : [],
  );
});
afterAll(() => hookline.stop());

/** Express's types leave them out. */
const methodsOf = (route: object) => ('methods' in route ? (route.methods as Record<string, boolean>) : {});

const operationAt = (method: string, path: string) => document.paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method];

const OPEN = ['/healthz', '/readyz', '/metrics', '/openapi.json', '/v1/schemas/campaign.json'];

describe('/openapi.json', () => {
  it('has every route that Express serves, and no other', () => {
    expect(served.length).toBeGreaterThan(40);
    expect(served.filter(({ method, path }) => !operationAt(method, path))).toEqual([]);
    const described = Object.values(document.paths).flatMap((methods) => Object.keys(methods));
    expect(described).toHaveLength(served.length);
    expect(document.openapi).toBe('3.1.1');
  });

  it('says of each what it does, which scope it needs, and what it answers', () => {
    for (const { method, path } of served) {
      const operation = operationAt(method, path);
      const route = hookline.routes.find((one) => one.method === method && one.path === path);
      expect(operation).toMatchObject({ summary: expect.stringMatching(/^[A-Z].{5,}/), 'x-scope': route?.scope });
      const schemes = route?.scope === null ? [] : [...(route?.dialect ? [route.dialect.scheme] : []), 'key'];
      expect(operation?.security).toEqual(schemes.map((scheme) => ({ [scheme]: [route?.scope] })));
      const statuses = Object.keys(operation?.responses ?? {});
      expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
      expect(statuses).toEqual(expect.arrayContaining([route?.dialect ? '400' : '422', '500', '503']));
      if (route?.scope) expect(statuses).toEqual(expect.arrayContaining(['401', '403', '429']));
      const named = operation?.parameters.filter((one) => one.in === 'path').map(({ name }) => name);
      expect(named).toEqual([...path.matchAll(/:(\w+)/g)].map(([, name]) => name));
    }
  });

  it('shows a body for each route that takes one, which its own schema accepts', () => {
    for (const { method, path, body, described } of hookline.routes.filter((one) => one.body !== null)) {
      const examples = Object.values(
        operationAt(method, path)?.requestBody?.content['application/json']?.examples ?? {},
      );
      expect({ path, examples: examples.length }).not.toEqual({ path, examples: 0 });
      for (const { value } of examples) {
        expect({ path, error: body?.safeParse(value).error }).toEqual({ path, error: undefined });
        expect({ path, error: described?.safeParse(value).error }).toEqual({ path, error: undefined });
      }
    }
  });

  it('says of each body in which forms it may come', () => {
    const typesOf = (path: string) =>
      Object.keys(
        document.paths[path]?.post?.requestBody?.content ?? document.paths[path]?.put?.requestBody?.content ?? {},
      );
    expect(typesOf('/v1/events')).toEqual(['application/json', 'application/x-ndjson']);
    expect(typesOf('/v1/people')).toEqual(['application/json', 'application/x-ndjson']);
    expect(typesOf('/v1/campaigns/{id}')).toEqual(['application/json', 'application/yaml']);
    expect(typesOf('/v1/keys')).toEqual(['application/json']);
  });

  it('refers to nothing that it does not have', () => {
    const text = JSON.stringify(document);
    const names = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)].map(
      ([, kind, name]) => `${kind}/${name}`,
    );
    const { schemas, parameters, headers } = document.components;
    const known = Object.entries({ schemas, parameters, headers }).flatMap(([kind, all]) =>
      Object.keys(all).map((name) => `${kind}/${name}`),
    );
    expect(new Set(names)).toEqual(new Set(known));
    expect(text).not.toContain('#/$defs');
  });
});

describe('without a key', () => {
  it('nothing is answered but what the process says of itself', async () => {
    for (const { method, path } of served) {
      const url = hookline.url + path.replaceAll(/:\w+/g, 'some');
      const response = await fetch(url, { method: method.toUpperCase() });
      if (OPEN.includes(path) || path.startsWith('/docs'))
        expect({ path, status: response.status }).toEqual({ path, status: 200 });
      else expect({ path, status: response.status }).toEqual({ path, status: 401 });
    }
  });

  it('what is open takes no unknown parameters either', async () => {
    const answer = await send(`${hookline.url}/openapi.json?x=1`, { method: 'GET', headers: { authorization: '' } });
    expectProblem(answer, 422, 'input.invalid');
  });
});

describe('/docs', () => {
  it('is a page that loads nothing from elsewhere', async () => {
    const page = await (await fetch(`${hookline.url}/docs`)).text();
    const loaded = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target = '']) => target);
    expect(loaded.filter((target) => !target.startsWith('/docs/') && target !== 'data:,')).toEqual([]);
    for (const target of loaded.filter((one) => one.startsWith('/'))) {
      const response = await fetch(hookline.url + target);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^text\/(css|javascript)/);
      expect((await response.text()).length).toBeGreaterThan(20);
    }
    expect(page).toContain("default-src 'self'");
  });
});

describe('/v1/schemas/campaign.json', () => {
  it('is a JSON Schema of the format, whole in itself', async () => {
    const answer = await hookline.api<{ $defs: object; $ref: string }>('GET', '/v1/schemas/campaign.json');
    expect(answer.headers.get('content-type')).toContain('application/schema+json');
    expect(answer.body).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $ref: '#/$defs/CampaignDefinition',
      $defs: { CampaignDefinition: { required: ['trigger', 'steps'] }, Step: {}, Condition: {} },
    });
  });
});

describe('/v1/egress', () => {
  it('tells the addresses that are configured', async () => {
    expect((await hookline.api('GET', '/v1/egress')).body).toEqual({ addresses: ['203.0.113.7/32'] });
  });
});
