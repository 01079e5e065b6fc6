import { createServer, type ServerResponse } from 'node:http';
import { Readable, pipeline } from 'node:stream';

/** How long no request may have come before those that are held are answered. */
const QUIET_MS = 2_000;
const CHUNK = Buffer.alloc(64 * 1024, '.');

let held: (() => void)[] = [];
let heldAtOnce = 0;
let quiet: NodeJS.Timeout | undefined;

/** What each path does; all others answer at once. */
const behaviours: Record<string, (response: ServerResponse) => void> = {
  '/silent': () => {},
  '/held': (response) => hold(() => answer(response)),
  '/held-endless': (response) => hold(() => pour(response)),
  '/held-at-once': (response) => response.end(String(heldAtOnce)),
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

/** Answers all that came, at once, when no more come. */
function hold(release: () => void): void {
  held.push(release);
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    heldAtOnce = held.length;
    for (const each of held) each();
    held = [];
  }, QUIET_MS);
}
