import { Context, Drop, type Emitter, type Liquid } from 'liquidjs';
import { HooklineError } from '../errors.ts';
import type { Scope } from '../scope.ts';
import { printed } from './print.ts';

const MAX_TEXT = 512 * 1024;

/** What a template may read of liquidjs' own objects: `forloop` and `tablerowloop`. */
const LOOP_FIELDS = new Set<unknown>(
  'index index0 first last rindex rindex0 length name row col col0 col_first col_last'.split(' '),
);

/** `text` prints, `url` prints percent-encoded, `value` leaves a value its type. */
export type Mode = 'text' | 'url' | 'value';

/** The budget of time and memory that the templates of one request share. */
export type Limits = Pick<Context, 'memoryLimit' | 'renderLimit'>;

/** One rendering of one template: what liquidjs keeps, and which variables were printed without having a value. */
export class RenderContext extends Context {
  readonly scope: Scope;
  readonly mode: Mode;
  readonly out: Emitter = createEmitter();
  readonly missing: Set<string>;
  /** Variables without a value that the output at hand has read; null outside of outputs, where a test is no miss. */
  unread: string[] | null = null;
  /** Depth of `{% capture %}`, whose text is not the result yet. */
  captures = 0;

  constructor(engine: Liquid, scope: Scope, mode: Mode, limits?: Limits, missing = new Set<string>()) {
    // A copy, since `increment` writes to it.
    super({ ...scope }, engine.options, { sync: true }, { liquid: engine, ...limits });
    this.scope = scope;
    this.mode = mode;
    this.missing = missing;
  }

  override *_get(paths: Parameters<Context['_get']>[0]): IterableIterator<unknown> {
    const value: unknown = yield super._get(paths);
    if (value === undefined) this.unread?.push(paths.join('.'));
    return value;
  }

  /** A field of null is missing, not null: else an answer `null` would remove each attribute that is mapped from it. */
  override readProperty(...[object, key]: Parameters<Context['readProperty']>): unknown {
    if (object === null || object === undefined) return undefined;
    // liquidjs reads and calls whatever its own objects inherit, such as the `next` of `forloop`, which moves the loop.
    if (object instanceof Drop && !LOOP_FIELDS.has(key)) return undefined;
    return super.readProperty(object, key);
  }

  /** What an output's value becomes before it is written. */
  print(value: unknown): string {
    const text = printed(value);
    const encodes = this.mode === 'url' && this.captures === 0 && this.out.buffer !== '';
    return encodes ? encodeURIComponent(text.toWellFormed()) : text;
  }

  /** Ends an output. What it has read without finding is missing; in a path it must print something. */
  settle(printedNothing: boolean): void {
    const unread = this.unread ?? [];
    this.unread = null;
    for (const name of unread) this.missing.add(name);
    if (printedNothing && this.mode === 'url' && this.captures === 0 && !/[?#]/.test(this.out.buffer)) {
      const names = unread.join(', ') || 'a value';
      throw new HooklineError(
        'render.missing_variable',
        `${names} is empty in the path, where nothing may be left out; give it a default`,
      );
    }
  }
}

function createEmitter(): Emitter {
  return {
    buffer: '',
    write(value: unknown) {
      this.buffer += printed(value);
      if (this.buffer.length > MAX_TEXT) throw new HooklineError('render.too_large', `prints more than 512 KiB`);
    },
  };
}
