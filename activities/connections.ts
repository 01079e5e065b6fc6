import type { Socket } from 'node:net';
import { Client } from 'undici';
import type { Phase } from '../domain/delivery/outcome.ts';
import type { Dial } from './guard.ts';

/** One socket to one origin, or one that is being dialled, and the undici client that speaks HTTP on it. */
export type Connection = {
  readonly origin: string;
  readonly client: Client;
  /** Ends dialling. */
  readonly closing: AbortController;
  /** Of the newest socket: undici dials again where an idle one closed before the request was written. */
  socket: Socket | null;
  /** Kept here, because a closed TLS socket no longer knows it. */
  remoteAddress: string | undefined;
  /** Requests written to this socket so far. */
  served: number;
  /** Told each phase of dialling. */
  enter: (phase: Phase) => void;
};

/** Below the 5 s after which most servers close an idle connection. */
const IDLE_MS = 4_000;

const MAX_IDLE = 256;

const MAX_HEAD_BYTES = 16 * 1024;

/**
 * Keep-alive connections, one exchange at a time on each. Own shelf instead of undici's Agent: it tells a reused socket from a
 * fresh one, never queues a request behind another, and closes a connection that is still being dialled.
 */
export function createConnections(dial: Dial) {
  const idle: Connection[] = [];
  const all = new Set<Connection>();

  const open = (url: URL): Connection => {
    const connection = openConnection(url, dial);
    connection.client.on('disconnect', () => {
      if (idle.includes(connection)) discard(connection);
    });
    all.add(connection);
    return connection;
  };

  /** Closes at once, in whatever phase: a request that still waits for its socket is never sent. */
  const discard = (connection: Connection): void => {
    const at = idle.indexOf(connection);
    if (at >= 0) idle.splice(at, 1);
    all.delete(connection);
    connection.closing.abort();
    void connection.client.destroy();
  };

  return {
    open,
    discard,
    /** The connection to this origin that was idle for the shortest time, or a new one. */
    take(url: URL): Connection {
      const at = idle.findLastIndex(({ origin }) => origin === url.origin);
      return (at >= 0 ? idle.splice(at, 1)[0] : undefined) ?? open(url);
    },
    /** Keeps a connection whose exchange is complete, unless one side closed it or the request is still on its way. */
    keep(connection: Connection): void {
      const { socket } = connection;
      if (!socket || socket.destroyed || socket.writableLength > 0 || !all.has(connection)) return discard(connection);
      idle.push(connection);
      const [oldest] = idle;
      if (oldest && idle.length > MAX_IDLE) discard(oldest);
    },
    close(): void {
      for (const connection of all) discard(connection);
    },
  };
}

function openConnection(url: URL, dial: Dial): Connection {
  const closing = new AbortController();
  const client = new Client(url.origin, {
    connect: (_options, connected) => {
      dial(url, (phase) => connection.enter(phase), closing.signal).then(
        (socket) => {
          connection.socket = socket;
          connection.remoteAddress = socket.remoteAddress;
          connection.served = 0;
          connected(null, socket);
        },
        (error: Error) => connected(error, null),
      );
    },
    pipelining: 1,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    maxHeaderSize: MAX_HEAD_BYTES,
    // undici's own timers count idle time, to about 0.5 s: the one timer of an exchange decides instead.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const connection: Connection = {
    origin: url.origin,
    client,
    closing,
    socket: null,
    remoteAddress: undefined,
    served: 0,
    enter: () => {},
  };
  return connection;
}
