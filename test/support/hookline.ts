import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import pino from 'pino';
import { inject } from 'vitest';
import { createHttp } from '../../activities/http.ts';
import { createActivities } from '../../activities/index.ts';
import { createApp } from '../../api/app.ts';
import { allRoutes } from '../../api/routes.ts';
import { createCipher } from '../../db/cipher.ts';
import { createWaker } from '../../db/wake.ts';
import { startRelay } from '../../relay/relay.ts';
import { createTestDatabase } from './database.ts';
import { eventually } from './eventually.ts';

export const ADMIN_KEY = 'test-admin-key-0123456789';

export type Answer<T> = { status: number; headers: Headers; body: T };

type Options = { temporalAddress?: string; retryFirstDelayMs?: number; relays?: number; worker?: boolean };

/** The whole of Hookline on a database and a task queue of its own, in this process: API, relay and worker, on real servers. */
export async function startHookline(options: Options = {}) {
  const database = await createTestDatabase();
  const cipher = createCipher(randomBytes(32));
  const log = pino({ level: 'silent' });
  const now = () => new Date();
  const address = options.temporalAddress ?? inject('temporalAddress');
  const taskQueue = `test-${randomUUID()}`;
  const http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'] });

  const routes = allRoutes({
    db: database.db,
    cipher,
    wake: createWaker(database.db, () => {}),
    ready: async () => null,
    temporalUi: { url: undefined, namespace: 'default' },
  });
  const server = await listen(createServer(createApp({ routes, adminKey: ADMIN_KEY, log })));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const client = new Client({ connection: Connection.lazy({ address }) });
  const relays = await Promise.all(
    Array.from({ length: options.relays ?? 1 }, () =>
      startRelay({ database, client, taskQueue, withSearchAttributes: () => true, now, log }),
    ),
  );
  const connection = options.worker === false ? null : await NativeConnection.connect({ address });
  const worker =
    connection &&
    (await Worker.create({
      connection,
      taskQueue,
      workflowBundle: { codePath: inject('bundlePath') },
      activities: createActivities({
        db: database.db,
        cipher,
        now,
        send: {
          http,
          random: () => 0.5,
          firstDelayMs: options.retryFirstDelayMs ?? 10_000,
          userAgent: 'Hookline/test',
        },
      }),
      maxCachedWorkflows: 100,
    }));
  const working = worker?.run();

  const api = <T = unknown>(method: string, path: string, body?: unknown) => call<T>(url, method, path, body);
  return {
    url,
    database,
    client,
    taskQueue,
    /** Calls the API with the admin key; a text body goes out as YAML. */
    api,
    /** Publishes a campaign and starts it. */
    async publish(id: string, definition: unknown) {
      for (const [method, path, body] of [
        ['PUT', '', definition],
        ['POST', '/start', undefined],
      ] as const) {
        const answer = await api(method, `/v1/campaigns/${id}${path}`, body);
        if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      }
    },
    /** The person's latest journey, once it has ended. */
    async ended(person: string): Promise<JourneyBody> {
      const { id } = await eventually(async () => {
        const { body } = await api<{ data: JourneyBody[] }>('GET', `/v1/journeys?person=${person}&order=desc&limit=1`);
        return body.data.find((journey) => journey.endedAt !== null);
      });
      return (await api<JourneyBody>('GET', `/v1/journeys/${id}`)).body;
    },
    async attributes(person: string): Promise<Record<string, unknown>> {
      return (await api<{ attributes: Record<string, unknown> }>('GET', `/v1/people/${person}`)).body.attributes;
    },
    async stop() {
      await Promise.all(relays.map((relay) => relay.stop()));
      worker?.shutdown();
      await working;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await client.connection.close();
      await connection?.close();
      await http.close();
      await database.close();
    },
  };
}

/** What tests read of a journey; they compare the rest as a whole. */
export type JourneyBody = { id: string; state: string; endedAt: string | null; deliveries: string[] };

export type Hookline = Awaited<ReturnType<typeof startHookline>>;

/** `T` is what the test expects of the body; its assertions find out. */
async function call<T>(url: string, method: string, path: string, body: unknown): Promise<Answer<T>> {
  const isText = typeof body === 'string';
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body !== undefined && { 'content-type': isText ? 'application/yaml' : 'application/json' }),
    },
    ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text === '' ? 'null' : text) as T };
}

const listen = (server: Server) =>
  new Promise<Server>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
