import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { type Behaviour, respond } from './behaviours.ts';

/** One request as it arrived, byte for byte; header names in lower case, the last of equal names wins. */
export type ReceivedRequest = {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Buffer;
  at: Date;
};

/**
 * A webhook receiver on 127.0.0.1 that may misbehave in every way that TCP allows, which Node's own HTTP server is too polite for.
 * A path without behaviours answers 200 with an empty JSON object.
 */
export type Receiver = {
  origin: string;
  url(path: string): string;
  /** Complete requests, oldest first. */
  requests: ReceivedRequest[];
  /** Connections accepted so far, and those open now. */
  connections: { accepted: number; open: number };
  /** Answers requests to a path with the behaviours in turn; the last one stays. A repeated call replaces them. */
  on(path: string, ...behaviours: Behaviour[]): void;
  /** Resolves once this many requests have arrived; rejects after `timeoutMs` (15 s). */
  waitFor(count: number, timeoutMs?: number): Promise<ReceivedRequest[]>;
  /** Resolves once no connection is open; rejects after `timeoutMs` (5 s). */
  waitForSilence(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
};

/** @param options.onConnection takes each connection over from its first byte; what it does not read stays unread. */
export async function startReceiver(
  options: { tls?: TlsOptions; onConnection?: (socket: Socket) => void } = {},
): Promise<Receiver> {
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const connections = { accepted: 0, open: 0 };
  const behaviours = new Map<string, Behaviour[]>();
  const watchers = new Set<() => void>();
  const changed = () => watchers.forEach((watch) => watch());

  const until = (reached: () => boolean, what: () => string, timeoutMs: number) =>
    new Promise<void>((resolve, reject) => {
      const watch = () => {
        if (!reached()) return;
        clearTimeout(timer);
        watchers.delete(watch);
        resolve();
      };
      const timer = setTimeout(() => {
        watchers.delete(watch);
        reject(new Error(`${what()} after ${timeoutMs} ms`));
      }, timeoutMs);
      watchers.add(watch);
      watch();
    });

  const answer = (socket: Socket, request: ReceivedRequest) => {
    requests.push(request);
    const queue = behaviours.get(request.url.split('?')[0] ?? '') ?? [];
    const behaviour = (queue.length > 1 ? queue.shift() : queue[0]) ?? respond({ json: {} });
    behaviour(socket, request);
    changed();
  };

  const accept = (socket: Socket) => {
    sockets.add(socket);
    connections.accepted += 1;
    connections.open += 1;
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      connections.open -= 1;
      changed();
    });
    if (options.onConnection) options.onConnection(socket);
    else readRequests(socket, (request) => answer(socket, request));
  };
  const server = options.tls ? createTlsServer(options.tls, accept) : createServer(accept);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port(server.address())}`;

  return {
    origin,
    url: (path) => origin + path,
    requests,
    connections,
    on: (path, ...list) => void behaviours.set(path, list),
    async waitFor(count, timeoutMs = 15_000) {
      await until(
        () => requests.length >= count,
        () => `${requests.length} of ${count} requests`,
        timeoutMs,
      );
      return requests;
    },
    waitForSilence: (timeoutMs = 5_000) =>
      until(
        () => connections.open === 0,
        () => `${connections.open} connections open`,
        timeoutMs,
      ),
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Splits what a socket sends into requests; bodies come with a Content-Length, which is all that Hookline sends. */
function readRequests(socket: Socket, onRequest: (request: ReceivedRequest) => void): void {
  let unread = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    for (let headEnd = unread.indexOf('\r\n\r\n'); headEnd >= 0; headEnd = unread.indexOf('\r\n\r\n')) {
      const [requestLine = '', ...lines] = unread.subarray(0, headEnd).toString('latin1').split('\r\n');
      const headers = Object.fromEntries(lines.map(parseHeader));
      const bodyEnd = headEnd + 4 + Number(headers['content-length'] ?? 0);
      if (unread.length < bodyEnd) return;
      const [method = '', url = ''] = requestLine.split(' ');
      const body = Buffer.from(unread.subarray(headEnd + 4, bodyEnd));
      unread = unread.subarray(bodyEnd);
      onRequest({ method, url, headers, body, at: new Date() });
    }
  });
}

function parseHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function port(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('the receiver does not listen on TCP');
  return address.port;
}
