import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ReceivedRequest } from './receiver.ts';

/**
 * What a receiver does with one complete request, on the raw socket. Behaviours compose:
 * `(socket, request) => respond({ body: request.body })(socket, request)` is an echo.
 */
export type Behaviour = (socket: Socket, request: ReceivedRequest) => void;

type Answer = {
  status?: number;
  headers?: Record<string, string | string[]>;
  body?: string | Buffer;
  /** Short for a JSON body. */
  json?: unknown;
  delayMs?: number;
};

/** A proper answer (200 by default) on a connection that stays open. */
export function respond(answer: Answer = {}): Behaviour {
  const { status = 200, headers = {}, delayMs = 0 } = answer;
  const json: Answer['headers'] = answer.json === undefined ? {} : { 'content-type': 'application/json' };
  const body = Buffer.from(answer.json === undefined ? (answer.body ?? '') : JSON.stringify(answer.json));
  const bytes = Buffer.concat([head(status, { ...json, 'content-length': String(body.length), ...headers }), body]);
  return (socket) => later(socket, delayMs, () => socket.write(bytes));
}

/** Reads the request and never answers. */
export function hang(): Behaviour {
  return () => {};
}

/** One more header line every `everyMs`, for ever. */
export function dripHeaders(everyMs = 100): Behaviour {
  return (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    repeat(socket, everyMs, (count) => socket.write(`x-drip-${count}: 1\r\n`));
  };
}

/** The head of an answer at once, then one more byte of its body every `everyMs`, for ever. */
export function dripBody(everyMs = 100, status = 200): Behaviour {
  return (socket) => {
    socket.write(head(status, { 'content-length': '1000000' }));
    repeat(socket, everyMs, () => socket.write('x'));
  };
}

/** A body without end, as fast as it is read. */
export function endlessBody(): Behaviour {
  return (socket) => {
    const block = Buffer.alloc(64 * 1024, 'x');
    const pour = () => {
      while (socket.writable && socket.write(block));
    };
    socket.write(head(200, { connection: 'close' }));
    socket.on('drain', pour);
    pour();
  };
}

/** Resets the connection (RST) in the middle of the head, or after the first bytes of the body. */
export function reset(where: 'headers' | 'body', status = 200): Behaviour {
  return (socket) => {
    const full = head(status, { 'content-length': '1000' }).toString();
    const bytes = where === 'headers' ? full.slice(0, 20) : `${full}abc`;
    // Bytes that are not read yet when the RST arrives are lost: give them time.
    socket.write(bytes, () => later(socket, 50, () => socket.resetAndDestroy()));
  };
}

/** Ends the connection (FIN) without a single byte. */
export function closeBeforeAnswer(): Behaviour {
  return (socket) => socket.end();
}

/** These bytes instead of an answer, on a connection that stays open. */
export function garbage(bytes: string | Buffer): Behaviour {
  return (socket) => socket.write(bytes);
}

/** These bytes again and again, every `everyMs`: a flood of informational answers, for example. */
export function flood(bytes: string, everyMs = 5): Behaviour {
  return (socket) => repeat(socket, everyMs, () => socket.write(bytes));
}

export function redirect(location: string, status = 302): Behaviour {
  return respond({ status, headers: { location } });
}

/** Some 50 KB of gzip that inflate to `bytes` zeros (50 MB). */
export function gzipBomb(bytes = 50 * 1024 * 1024): Behaviour {
  return respond({ headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(bytes)) });
}

/** Declares 10 MB, sends 3 bytes and waits. */
export function shortBody(): Behaviour {
  return garbage(Buffer.concat([head(200, { 'content-length': '10000000' }), Buffer.from('abc')]));
}

/** Answers properly, then closes the connection as soon as its next request arrives, as an overloaded keep-alive server does. */
export function closeOnNextRequest(answer: Answer = {}): Behaviour {
  return (socket, request) => {
    socket.prependOnceListener('data', () => socket.destroy());
    respond(answer)(socket, request);
  };
}

function head(status: number, headers: Record<string, string | string[]>): Buffer {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((each) => `${name}: ${each}\r\n`),
  );
  return Buffer.from(`HTTP/1.1 ${status} Answer\r\n${lines.join('')}\r\n`, 'latin1');
}

function later(socket: Socket, delayMs: number, act: () => void): void {
  if (delayMs === 0) return act();
  const forget = () => clearTimeout(timer);
  const timer = setTimeout(() => {
    socket.off('close', forget);
    act();
  }, delayMs);
  socket.once('close', forget);
}

function repeat(socket: Socket, everyMs: number, act: (count: number) => void): void {
  let count = 0;
  const timer = setInterval(() => act(count++), everyMs);
  socket.once('close', () => clearInterval(timer));
}
