import { placeOf } from '../input/faults.ts';
import { jsonFault } from './json-fault.ts';
import type { Json } from '../json.ts';
import { failedAt, type Rendering } from './rendering.ts';
import { compileTemplate } from '../template.ts';
import type { Webhook } from '../campaign/webhook.ts';

export type Body = NonNullable<Webhook['body']>;

/** `render` gets the request's final Content-Type, which decides how `data` is written and whether `text` must be JSON. */
export type CompiledBody = { contentType: string; render(rendering: Rendering, contentType: string): string };

const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

/** What each kind of body may be sent as; `text` may be anything. */
const takes: Record<'json' | 'form' | 'data', { fits: (contentType: string) => boolean; rule: string }> = {
  json: { fits: isJsonType, rule: 'body.json is sent as JSON' },
  form: { fits: isFormType, rule: `body.form is sent as ${FORM_TYPE}` },
  data: {
    fits: (contentType) => isJsonType(contentType) || isFormType(contentType),
    rule: `body.data is sent as JSON or ${FORM_TYPE}`,
  },
};

export function isJsonType(contentType: string): boolean {
  return /^(?:application|text)\/(?:[^/]+\+)?json$/.test(essence(contentType));
}

/** Customer.io's `x-www-form-urlencoded` is short for the type. */
export function fullContentType(contentType: string): string {
  return /^x-www-form-urlencoded\b/i.test(contentType) ? `application/${contentType}` : contentType;
}

/** Why this Content-Type cannot be that of the body, or null. */
export function contentTypeFault(body: Body, contentType: string): string | null {
  const kind = kindOf(body);
  if (kind === 'text' || takes[kind].fits(contentType)) return null;
  return `contradicts the body: ${takes[kind].rule}; leave Content-Type out, or write the body as text`;
}

/** Compiles one of the kinds of body; each string in it is a template. */
export function compileBody(body: Body): CompiledBody {
  const { contentType, render } = compileKind(body);
  return {
    contentType,
    render(rendering, type) {
      const fault = contentTypeFault(body, type);
      if (fault) throw failedAt('render.invalid_header', 'headers.Content-Type', fault);
      return render(rendering, type);
    },
  };
}

function compileKind(body: Body): CompiledBody {
  if (typeof body === 'string') return compileText(body, 'body');
  if ('text' in body) return compileText(body.text, 'body.text');
  if ('json' in body) {
    const value = compileJson(body.json, ['body', 'json']);
    return { contentType: JSON_TYPE, render: (rendering) => JSON.stringify(value(rendering)) };
  }
  if ('form' in body) return { contentType: FORM_TYPE, render: compileForm(body.form, 'body.form') };
  const fields = compileJson(body.data, ['body', 'data']);
  const form = compileForm(body.data, 'body.data');
  return {
    contentType: JSON_TYPE,
    render: (rendering, type) => (isFormType(type) ? form(rendering) : JSON.stringify(fields(rendering))),
  };
}

function compileText(source: string, place: string): CompiledBody {
  const template = compileTemplate(source);
  return {
    contentType: JSON_TYPE,
    render(rendering, contentType) {
      const text = rendering.text(template, place);
      const fault = isJsonType(contentType) ? jsonFault(text) : null;
      if (!fault) return text;
      throw failedAt(
        'render.invalid_json',
        place,
        `the result is no JSON at line ${fault.line}, column ${fault.column}: ${fault.message}; ` +
          'a quote or line break in a value does that: use body.json, or | json after the value',
      );
    },
  };
}

/** Keys are no templates; a string that is one output keeps the type of its value, a missing one is null. */
function compileJson(value: Json, at: PropertyKey[]): (rendering: Rendering) => Json {
  if (typeof value === 'string') {
    const template = compileTemplate(value);
    const place = placeOf(at);
    return template.nodes ? (rendering) => rendering.part(() => rendering.value(template, place)) : () => value;
  }
  if (typeof value !== 'object' || value === null) return () => value;
  if (Array.isArray(value)) {
    const items = value.map((item, index) => compileJson(item, [...at, index]));
    return (rendering) => items.map((item) => item(rendering));
  }
  const fields = Object.entries(value).map(([key, field]) => ({ key, field: compileJson(field, [...at, key]) }));
  return (rendering) => Object.fromEntries(fields.map(({ key, field }) => [key, field(rendering)]));
}

function compileForm(fields: Record<string, string>, place: string): (rendering: Rendering) => string {
  const compiled = Object.entries(fields).map(([key, source]) => ({ key, template: compileTemplate(source) }));
  return (rendering) => {
    const pairs = new URLSearchParams();
    for (const { key, template } of compiled) {
      pairs.append(key, rendering.part(() => rendering.text(template, placeOf([key], place))) ?? '');
    }
    return pairs.toString();
  };
}

function kindOf(body: Body): 'json' | 'form' | 'data' | 'text' {
  if (typeof body === 'string' || 'text' in body) return 'text';
  if ('json' in body) return 'json';
  return 'form' in body ? 'form' : 'data';
}

function isFormType(contentType: string): boolean {
  return essence(contentType) === FORM_TYPE;
}

const essence = (contentType: string) => (fullContentType(contentType.trim()).split(';')[0] ?? '').trim().toLowerCase();
