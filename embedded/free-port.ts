import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/** Ports of 127.0.0.1 that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0, '127.0.0.1')));
  const ports = servers.map(portOf);
  await Promise.all(servers.map(close));
  return ports;
}

/** Whether a port is free on 127.0.0.1 and on all addresses at once. Throws where the system does not let us know, or listen. */
export async function isFree(port: number, create: () => Server = createServer): Promise<boolean> {
  try {
    for (const host of ['127.0.0.1', undefined]) await close(await listen(port, host, create));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}

/** The first free port from `first` upwards. */
export async function nextFreePort(first: number): Promise<number> {
  for (let port = first; port < 65_536; port++) if (await isFree(port)) return port;
  return nextFreePort(1024);
}

/** The port that a listening server got. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** Has a server of ours listen on a port of 127.0.0.1, 0 for a free one. Throws where that is taken. */
export async function listenHere(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  // Who could not be accepted, as the system was short of something, asks again.
  server.on('error', () => {});
}

async function listen(port: number, host: string | undefined, create = createServer): Promise<Server> {
  const server = create().listen(port, host);
  await once(server, 'listening');
  return server;
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
