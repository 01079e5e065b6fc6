import { filters as standard, type Context, type FilterImplOptions } from 'liquidjs';
import { RenderContext } from './context.ts';
import { printed } from './print.ts';

type Call = { context: Context };

/** Filters that read text. They see an object or a list as its JSON, as printing does. */
const TEXT = [
  'append base64_decode base64_encode capitalize cgi_escape downcase escape escape_once hmac_sha256 lstrip newline_to_br',
  'normalize_whitespace number_of_words prepend remove remove_first remove_last replace replace_first replace_last rstrip',
  'sha256 slugify split squish strip strip_html strip_newlines truncate truncatewords upcase uri_escape url_decode',
  'url_encode xml_escape',
].flatMap((line) => line.split(' '));

/** Filters whose result a URL takes as it is. */
const URL_SAFE = ['cgi_escape', 'uri_escape', 'url_encode'];

const jsonOf = (value: unknown) => (typeof value === 'object' && value !== null ? printed(value) : value);

/** The standard filters over text, made to see JSON, and the ones that Shopify and Customer.io have besides. */
export const textFilters: Record<string, FilterImplOptions> = {
  ...Object.fromEntries(TEXT.map((name) => [name, overText(name)])),
  join(this: Call, list: unknown, separator?: unknown) {
    const items = Array.isArray(list) ? list.map(jsonOf) : list;
    return handlerOf('join').call(this, items, separator);
  },
  array_to_sentence_string(this: Call, list: unknown, ...rest: unknown[]) {
    return handlerOf('array_to_sentence_string').call(this, Array.isArray(list) ? list.map(jsonOf) : list, ...rest);
  },
  url_escape: { raw: true, handler: (value: unknown) => encodeURI(printed(value).toWellFormed()) },
  url_param_escape: {
    raw: true,
    handler: (value: unknown) => encodeURI(printed(value).toWellFormed()).replaceAll('&', '%26'),
  },
  default(this: Call, ...args: unknown[]) {
    const result = handlerOf('default').apply(this, args);
    // What stood in makes good for all that was missing up to here.
    if (this.context instanceof RenderContext && printed(result) !== '') this.context.unread?.splice(0);
    return result;
  },
  json: jsonFilter,
  jsonify: jsonFilter,
  raw: {
    raw: true,
    handler(this: Call, value: unknown) {
      return this.context instanceof RenderContext && this.context.mode === 'value' ? value : printed(value);
    },
  },
};

function overText(name: string): FilterImplOptions {
  const handler = handlerOf(name);
  const raw = URL_SAFE.includes(name);
  const read = raw ? (value: unknown) => printed(value).toWellFormed() : jsonOf;
  return {
    raw,
    handler(this: Call, ...args: unknown[]) {
      return handler.apply(this, args.map(read));
    },
  };
}

/** A missing value is `null`, so that `{ "name": {{ customer.name | json }} }` stays JSON. */
function jsonFilter(this: Call, value: unknown, space?: unknown): unknown {
  return handlerOf('json').call(this, value === undefined ? null : value, space);
}

type Handler = (this: Call, ...args: unknown[]) => unknown;

function handlerOf(name: string): Handler {
  const filter: unknown = standard[name];
  if (!isHandler(filter)) throw new Error(`liquidjs has no filter ${name}`);
  return filter;
}

function isHandler(value: unknown): value is Handler {
  return typeof value === 'function';
}
