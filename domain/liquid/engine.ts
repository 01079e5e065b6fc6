import {
  CaptureTag,
  type Context,
  EchoTag,
  type Emitter,
  Liquid,
  Output,
  Parser,
  type TopLevelToken,
  type Template,
  TypeGuards,
} from 'liquidjs';
import { RenderContext } from './context.ts';
import { dateFilters } from './date-filters.ts';
import { printed } from './print.ts';
import { textFilters } from './text-filters.ts';

/** Of one template, in UTF-16 units. */
export const MAX_TEMPLATE = 256 * 1024;

/** Tags that read other files: known to Liquid, refused here. */
export const FILE_TAGS = ['include', 'render', 'layout', 'block'];

function createEngine(): Liquid {
  const liquid = new Liquid({
    strictFilters: true,
    strictVariables: false,
    ownPropertyOnly: true,
    locale: 'en-US',
    timezoneOffset: 0,
    templates: {},
    parseLimit: MAX_TEMPLATE,
    renderLimit: 3_000,
    memoryLimit: 10_000_000,
    outputEscape: printOutput,
  });
  for (const tag of FILE_TAGS) delete liquid.tags[tag];
  liquid.unregisterFilter('sample');
  for (const [name, filter] of Object.entries({ ...textFilters, ...dateFilters })) liquid.registerFilter(name, filter);
  liquid.registerTag('capture', Capture);
  liquid.registerTag('echo', TrackedEcho);
  return liquid;
}

function printOutput(this: { context: Context }, value: unknown): string {
  return this.context instanceof RenderContext ? this.context.print(value) : printed(value);
}

/** Parses with outputs that notice what they lack; the tokens have passed `tokenFaults`. */
export function parseTokens(tokens: TopLevelToken[]): Template[] {
  return new TrackingParser(engine).parseTokens(tokens);
}

class TrackingParser extends Parser {
  override parseToken(...[token, rest]: Parameters<Parser['parseToken']>): ReturnType<Parser['parseToken']> {
    const parsed = super.parseToken(token, rest);
    return parsed instanceof Output && TypeGuards.isOutputToken(token) ? new TrackedOutput(token, engine) : parsed;
  }
}

class TrackedOutput extends Output {
  override *render(context: Context, emitter: Emitter): IterableIterator<unknown> {
    yield* tracked(super.render(context, emitter), context, emitter);
  }
}

class TrackedEcho extends EchoTag {
  override *render(context: Context, emitter: Emitter): Generator<unknown, void, unknown> {
    yield* tracked(super.render(context, emitter), context, emitter);
  }
}

function* tracked(
  render: IterableIterator<unknown>,
  context: Context,
  emitter: Emitter,
): Generator<unknown, void, unknown> {
  if (!(context instanceof RenderContext)) return void (yield render);
  const before = emitter.buffer.length;
  context.unread = [];
  yield render;
  context.settle(emitter.buffer.length === before);
}

class Capture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    const tracking = context instanceof RenderContext ? context : null;
    if (tracking) tracking.captures += 1;
    yield* super.render(context);
    if (tracking) tracking.captures -= 1;
  }
}

/** Standard Liquid without files, clock and chance: no `include`, `render`, `layout`, `block`, and no `sample`. */
export const engine = createEngine();

/** Whether an output is written to a URL as it is, since its last filter encodes or is `raw`. */
export function isUrlSafe(node: Template): boolean {
  const value = node instanceof Output ? node.value : null;
  // Where nothing is exempt, liquidjs has appended the filter that encodes.
  return value?.filters.at(-1)?.raw ?? true;
}
