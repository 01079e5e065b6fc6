import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { HooklineError } from './domain/errors.ts';

export type HttpServer = { port: number; stop(): Promise<void> };

export type HttpLimits = {
  /** From the first byte of a request until its headers, and until the end of its body: who drips is cut off. */
  headersMs: number;
  requestMs: number;
  /** How long a connection may idle: longer than proxies keep theirs, so that they never send into one that is being closed. */
  idleMs: number;
  checkEveryMs: number;
  /** How long requests that are under way may take to end when the process has to. */
  graceMs: number;
};

const LIMITS: HttpLimits = {
  headersMs: 15_000,
  requestMs: 120_000,
  idleMs: 65_000,
  checkEveryMs: 5_000,
  graceMs: 3_000,
};

/**
 * Serves on a port, 0 for a free one. `stop` takes no more requests, lets those under way end, each on a connection that closes with
 * its answer, and cuts off what takes too long.
 */
export async function serve(app: RequestListener, port: number, limits: HttpLimits = LIMITS): Promise<HttpServer> {
  const underWay = new Set<ServerResponse>();
  let stopping = false;
  const server = createServer({
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: limits.checkEveryMs,
  });
  server.on('request', (request, response) => {
    underWay.add(response);
    response.once('close', () => underWay.delete(response));
    if (stopping) response.shouldKeepAlive = false;
    app(request, response);
  });
  return {
    port: await listen(server, port, 'PORT'),
    async stop() {
      stopping = true;
      for (const response of underWay) response.shouldKeepAlive = false;
      const late = setTimeout(() => server.closeAllConnections(), limits.graceMs);
      await new Promise((resolve) => server.close(resolve));
      clearTimeout(late);
    },
  };
}

const REMEDIES: Record<string, string> = {
  EADDRINUSE: 'stop what listens there, or set % to another port',
  EACCES: 'set % to a port from 1024 up, or let this process listen below',
};

/**
 * Listens on a port, 0 for a free one, and resolves to it.
 * @throws HooklineError `config.invalid` that names the `variable` it comes from, where it is taken or not allowed.
 */
export async function listen(server: Server, port: number, variable: string): Promise<number> {
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch (cause) {
    throw portFault(cause, port, variable);
  }
  // A connection that could not be accepted, as the system was short of something: its client tries again, and others are served.
  server.on('error', () => {});
  return (server.address() as AddressInfo).port;
}

/** Why nobody can listen on a port, and what to do, as `config.invalid` that names the `variable` it comes from. */
export function portFault(cause: unknown, port: number, variable: string): HooklineError {
  const { message: why, code } = cause as NodeJS.ErrnoException;
  const remedy = (REMEDIES[code ?? ''] ?? 'set % to another port').replace('%', variable);
  return new HooklineError('config.invalid', `${variable} is ${port}: ${why}; ${remedy}`, { cause });
}
