import {
  LiquidError,
  type Template,
  Tokenizer,
  toValue,
  toValueSync,
  type TopLevelToken,
  TypeGuards,
  Value,
} from 'liquidjs';
import { HooklineError } from './errors.ts';
import type { Json } from './json.ts';
import { caught, type OffsetFault, type Parsed, parseChecked, plainMessage } from './liquid/check.ts';
import { type Limits, type Mode, RenderContext } from './liquid/context.ts';
import { engine, MAX_TEMPLATE } from './liquid/engine.ts';
import type { Scope } from './scope.ts';

/** Line and column count from 1, the column in UTF-16 units. */
export type TemplateFault = { line: number; column: number; message: string };

/** A parsed template, to be rendered many times. */
export type CompiledTemplate = {
  source: string;
  /** Null for a text without Liquid. */
  nodes: Template[] | null;
  /** The one output that is the whole template, if it is one. */
  single: Value | null;
  mode: Mode;
};

/** A variable that a template names: `['customer', 'address', 'city']`; a part that is itself computed is `*`. */
export type TemplateVariable = { path: string[]; line: number; column: number };

/** Everything in a template that is no valid Liquid, or that liquidjs would drop silently. Empty if it can be rendered. */
export function templateFaults(source: string): TemplateFault[] {
  return placed(source, parse(source).faults);
}

/**
 * Parses a template once. In `url` mode each output is percent-encoded (RFC 3986) unless its last filter encodes or is `raw`,
 * or it starts the text, and one that is empty before `?` or `#` fails with `render.missing_variable`.
 * Throws `render.template` where `templateFaults` finds something.
 */
export function compileTemplate(source: string, options: { mode?: 'text' | 'url' } = {}): CompiledTemplate {
  const { mode = 'text' } = options;
  if (!hasLiquid(source)) return { source, nodes: null, single: null, mode };
  const { tokens, nodes, faults } = parse(source);
  const first = placed(source, faults)[0];
  if (first) throw new HooklineError('render.template', `line ${first.line}, column ${first.column}: ${first.message}`);
  const token = tokens[0];
  const isSingle = tokens.length === 1 && TypeGuards.isOutputToken(token);
  return { source, nodes, single: isSingle ? new Value(token.content, engine) : null, mode };
}

/**
 * Renders to text. `missing` names the variables that were printed without having a value, and is filled also where this throws. Throws `render.template`,
 * `render.too_large`, or `render.missing_variable`, with line and column.
 */
export function renderText(
  template: CompiledTemplate,
  scope: Scope,
  limits?: Limits,
  missing = new Set<string>(),
): { text: string; missing: string[] } {
  const { nodes, source, mode } = template;
  if (!nodes) return { text: source, missing: [] };
  const context = new RenderContext(engine, scope, mode, limits, missing);
  run(() => toValueSync(engine.renderer.renderTemplates(nodes, context, context.out)));
  return { text: context.out.buffer, missing: [...missing] };
}

/** As `renderText`, but a template that is one single output keeps the value's own type; `present` is whether it has one at all. */
export function renderValue(
  template: CompiledTemplate,
  scope: Scope,
  limits?: Limits,
  missing = new Set<string>(),
): { value: Json; missing: string[]; present: boolean } {
  const { single } = template;
  if (!single) {
    const { text } = renderText(template, scope, limits, missing);
    return { value: text, missing: [...missing], present: true };
  }
  const context = new RenderContext(engine, scope, 'value', limits, missing);
  context.unread = [];
  const value: unknown = run(() => toValue(toValueSync(single.value(context))));
  context.settle(value === undefined);
  return { value: isJson(value) ? value : null, missing: [...missing], present: value !== undefined };
}

/** The budget for a request, which all of its templates share. */
export const createLimits = (): Limits => new RenderContext(engine, { now: '', timezone: 'UTC', secrets: {} }, 'text');

/** The variables that a valid template reads from its scope. */
export function templateVariables(source: string): TemplateVariable[] {
  if (!hasLiquid(source)) return [];
  const { nodes } = compileTemplate(source);
  return Object.values(engine.analyzeSync(nodes ?? [], { partials: false }).globals)
    .flat()
    .map(({ segments, location }) => ({
      path: segments.map((segment) => (typeof segment === 'object' ? '*' : String(segment))),
      line: location.row,
      column: location.col,
    }));
}

const hasLiquid = (source: string) => /\{[{%]/.test(source);

function parse(source: string): Parsed & { tokens: TopLevelToken[] } {
  if (source.length > MAX_TEMPLATE) {
    return {
      tokens: [],
      nodes: [],
      faults: [{ offset: 0, message: 'is longer than the 256 KiB that a template may have' }],
    };
  }
  let tokens: TopLevelToken[] = [];
  const faults = caught(() => {
    tokens = tokenize(source);
  });
  return faults.length > 0 ? { tokens, nodes: [], faults } : { tokens, ...parseChecked(tokens) };
}

function tokenize(source: string): TopLevelToken[] {
  const tokens = new Tokenizer(source, engine.options.operators).readTopLevelTokens(engine.options);
  const plain = withoutUserId(source, tokens);
  return plain === source ? tokens : tokenize(plain);
}

/** Leanplum's `{{User ID}}` becomes `{{user.id}}`, which is as long, so that columns stay true. */
function withoutUserId(source: string, tokens: TopLevelToken[]): string {
  let plain = '';
  let from = 0;
  for (const token of tokens) {
    if (!TypeGuards.isOutputToken(token) || !/^User ID\s*(?:\||$)/.test(token.content)) continue;
    const [begin] = token.contentRange;
    plain += `${source.slice(from, begin)}user.id`;
    from = begin + 'user.id'.length;
  }
  return plain + source.slice(from);
}

function placed(source: string, faults: OffsetFault[]): TemplateFault[] {
  return faults.map(({ offset, message }) => {
    const before = source.slice(0, offset);
    const line = before.split('\n').length;
    return { line, column: offset - before.lastIndexOf('\n'), message };
  });
}

function run<T>(render: () => T): T {
  try {
    return render();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // A single output is evaluated without a node around it, and starts its template.
    const [line, column] = LiquidError.is(error) ? error.token.getPosition() : [1, 1];
    const cause = LiquidError.is(error) ? (error.originalError ?? error) : error;
    const text = LiquidError.is(error) ? plainMessage(error) : error.message;
    const isLimit = text.endsWith('limit exceeded');
    const message = isLimit ? `takes more than a template may (${text}); make it shorter` : text;
    const code = cause instanceof HooklineError ? cause.code : isLimit ? 'render.too_large' : 'render.template';
    throw new HooklineError(code, `line ${line}, column ${column}: ${message}`, { cause: error });
  }
}

/** A scope holds JSON, and no filter makes anything else of it. */
const isJson = (value: unknown): value is Json => value !== undefined && typeof value !== 'function';

/** Whether all variables of a node belong to one name, such as `secrets`; a constant has none. */
export function readsOnly(node: Template, name: string): boolean {
  return Object.keys(engine.analyzeSync([node], { partials: false }).variables).every((root) => root === name);
}
