import { createServer, type ServerResponse } from 'node:http';
import { Readable, pipeline } from 'node:stream';

const CHUNK = Buffer.alloc(64 * 1024, '.');

/** Requests that are answered when they are released, if anybody still waits for it. */
const held = new Map<ServerResponse, (response: ServerResponse) => void>();

/** What each path does; all others answer at once. */
const behaviours: Record<string, (response: ServerResponse) => void> = {
  '/held': (response) => hold(response, answer),
  '/held-endless': (response) => hold(response, pour),
  '/holding': (response) => response.end(String(held.size)),
  '/release': (response) => {
    for (const [each, begin] of held) begin(each);
    held.clear();
    response.end();
  },
};

/** A receiver in a process of its own, so that it costs both sides the same. Each port is a destination. */
const ports = process.argv.slice(2).map(Number);
await Promise.all(
  ports.map((port) => {
    const server = createServer((request, response) => {
      const behave = behaviours[new URL(request.url ?? '/', 'http://receiver').pathname] ?? answer;
      request.resume().on('end', () => behave(response));
    });
    return new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  }),
);
process.send?.({ type: 'ready' });

function hold(response: ServerResponse, begin: (response: ServerResponse) => void): void {
  held.set(response, begin);
  response.on('close', () => held.delete(response));
}

function answer(response: ServerResponse): void {
  response.setHeader('content-type', 'application/json').end('{"status":"Gold"}');
}

/** Answers without an end, as fast as it is read. */
function pour(response: ServerResponse): void {
  const endless = function* () {
    for (;;) yield CHUNK;
  };
  pipeline(Readable.from(endless()), response, () => {});
}
