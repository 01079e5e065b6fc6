import { createServer } from 'node:http';
import { soon } from './db/soon.ts';
import { listen } from './http-server.ts';

export type WorkerHealth = { port: number; stop(): Promise<void> };

/**
 * Answers `/healthz`, that the worker lives, and `/readyz`, whether it has started and can work: `checks` are asked at once, and what
 * throws or hangs is named. Port 0 takes a free one.
 */
export async function startWorkerHealth(
  port: number,
  checks: Record<string, () => Promise<unknown>>,
  hasStarted: () => boolean,
): Promise<WorkerHealth> {
  const missing = async (): Promise<string[]> => {
    const asked = Object.entries(checks).map(async ([name, check]) => ((await holds(check)) ? [] : [name]));
    return (await Promise.all(asked)).flat();
  };
  const answers: Record<string, () => Promise<[number, object]>> = {
    '/healthz': async () => [200, { status: 'ok' }],
    '/readyz': async () => {
      const names = await missing();
      if (names.length > 0) return [503, { status: 'waiting', missing: `${names.join(' and ')} cannot be reached` }];
      return hasStarted() ? [200, { status: 'ready' }] : [503, { status: 'waiting', missing: 'the start is not done' }];
    },
  };
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? ''] ?? (async () => [404, { status: 'unknown' }]);
    void answer().then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  return {
    port: await listen(server, port, 'HOOKLINE_WORKER_PORT'),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const holds = (check: () => Promise<unknown>): Promise<boolean> =>
  soon(check()).then(
    () => true,
    () => false,
  );
