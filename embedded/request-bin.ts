import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parseDurationMs } from '../domain/input/duration.ts';
import { listenHere, portOf } from './free-port.ts';
import { requestBinPage } from './request-bin-page.ts';

const KEPT_REQUESTS = 200;
const KEPT_BYTES = 65_536;
const LONGEST_DELAY_MS = 600_000;

/** One request as it came. `body` is parsed where it is JSON or a form, otherwise text; `truncated` where only its first 64 KiB were kept. */
export type BinRequest = {
  id: string;
  receivedAt: string;
  method: string;
  path: string;
  query: Record<string, string | string[]>;
  headers: IncomingMessage['headers'];
  body: unknown;
  truncated?: true;
};

/** A running request bin: webhooks go to `<origin>/bin/<any>`, people look at `<origin>/`. */
export type RequestBin = { origin: string; port: number; close: () => Promise<void> };

/**
 * Starts the request bin on 127.0.0.1, on `port` or, where that is taken, another. `/bin/<any>` answers with what came as JSON, with a new `id`; `?status=500&delay=5s` sets
 * the answer. `/` shows the last 200 requests, newest first: a page, or a list for `Accept: application/json` and `?format=json`.
 */
export async function startRequestBin(options: { port?: number } = {}): Promise<RequestBin> {
  const requests: BinRequest[] = [];
  const server = createServer((request, response) => {
    answer(request, response, requests).catch(() => response.destroy());
  });
  await listenHere(server, options.port ?? 0).catch(() => listenHere(server, 0));
  const port = portOf(server);
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { origin: `http://127.0.0.1:${port}`, port, close };
}

async function answer(request: IncomingMessage, response: ServerResponse, requests: BinRequest[]): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://bin');
  if (url.pathname === '/') return showRequests(request, response, url, requests);
  if (!url.pathname.startsWith('/bin'))
    return send(response, 404, { message: 'Send webhooks to /bin/ and any path below it.' });

  const received = await readRequest(request, url);
  requests.unshift(received);
  requests.length = Math.min(requests.length, KEPT_REQUESTS);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  await pause(delayOf(url), undefined, { signal: gone.signal });
  send(response, statusOf(url), received);
}

async function readRequest(request: IncomingMessage, url: URL): Promise<BinRequest> {
  const chunks: Buffer[] = [];
  let kept = 0;
  let total = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    total += bytes.length;
    const part = bytes.subarray(0, KEPT_BYTES - kept);
    kept += part.length;
    if (part.length > 0) chunks.push(part);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return {
    id: randomUUID(),
    receivedAt: new Date().toISOString(),
    method: request.method ?? 'GET',
    path: url.pathname,
    query: fieldsOf(url.searchParams),
    headers: request.headers,
    body: parseBody(text, request.headers['content-type'] ?? ''),
    ...(total > kept ? { truncated: true } : {}),
  };
}

function parseBody(text: string, contentType: string): unknown {
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return fieldsOf(new URLSearchParams(text));
  if (!/^application\/([\w.-]+\+)?json\b/i.test(contentType)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A name that comes once has a text, one that comes again has a list. */
function fieldsOf(params: URLSearchParams): Record<string, string | string[]> {
  const names = [...new Set(params.keys())];
  return Object.fromEntries(
    names.map((name) => {
      const values = params.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? '') : values];
    }),
  );
}

function statusOf(url: URL): number {
  const status = Number(url.searchParams.get('status'));
  return Number.isInteger(status) && status >= 200 && status <= 599 ? status : 200;
}

function delayOf(url: URL): number {
  try {
    return Math.min(parseDurationMs(url.searchParams.get('delay') ?? '0s'), LONGEST_DELAY_MS);
  } catch {
    return 0;
  }
}

function showRequests(request: IncomingMessage, response: ServerResponse, url: URL, requests: BinRequest[]): void {
  const asJson = url.searchParams.get('format') === 'json' || request.headers.accept?.startsWith('application/json');
  if (asJson) return send(response, 200, requests);
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  });
  response.end(requestBinPage(requests));
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const hasBody = ![204, 205, 304].includes(status);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(hasBody ? `${JSON.stringify(value, undefined, 2)}\n` : undefined);
}
