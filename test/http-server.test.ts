import { createServer, type RequestListener } from 'node:http';
import { connect, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { listen, serve, type HttpLimits } from '../http-server.ts';
import { startWorkerHealth } from '../worker-health.ts';

const LIMITS: HttpLimits = { headersMs: 300, requestMs: 600, idleMs: 5_000, checkEveryMs: 50, graceMs: 500 };

/** Answers what it was sent, at once or when it is let. */
function echo() {
  const waiting: (() => void)[] = [];
  const app: RequestListener = (request, response) => {
    if (request.url === '/slow') waiting.push(() => response.end('done'));
    else
      void text(request).then(
        (body) => response.end(body),
        () => {},
      );
  };
  return { app, waiting };
}

/** Writes on a socket of its own; `answer` resolves with all that came once it is closed. */
function socketTo(port: number, first: string) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(first);
  return { socket, answer: text(socket) };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

describe('a server that has to end', () => {
  it('finishes what is under way, says that the connection closes, and takes nothing more', async () => {
    const { app, waiting } = echo();
    const server = await serve(app, 0, { ...LIMITS, graceMs: 20_000 });
    const { answer } = socketTo(server.port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => waiting.length === 1);
    const stopped = server.stop();
    await expect(fetch(`http://127.0.0.1:${server.port}/`)).rejects.toThrow();
    waiting[0]?.();
    expect(await answer).toMatch(/^HTTP\/1\.1 200 .*connection: close\r\n.*done/is);
    await stopped;
  });

  it('does not wait for connections that idle', async () => {
    const server = await serve(echo().app, 0, { ...LIMITS, graceMs: 20_000 });
    const { socket, answer } = socketTo(server.port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
    await server.stop();
    expect(await answer).toContain('200 OK');
  });

  it('cuts off what takes too long', async () => {
    const { app, waiting } = echo();
    const server = await serve(app, 0, LIMITS);
    const { answer } = socketTo(server.port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => waiting.length === 1);
    await server.stop();
    expect(await answer.catch(() => '')).toBe('');
  });
});

describe('a client that drips', () => {
  it.each([
    ['its headers', 'GET / HTTP/1.1\r\nX-Drip: '],
    ['its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n'],
  ])('%s is cut off in time, while others are served', async (_, first) => {
    const server = await serve(echo().app, 0, LIMITS);
    const { socket, answer } = socketTo(server.port, first);
    const drip = setInterval(() => socket.write('a'), 20);
    const other = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', body: 'mine' });
    expect(await other.text()).toBe('mine');
    expect(await answer.catch(() => '408')).toContain('408');
    clearInterval(drip);
    await server.stop();
  });
});

describe('a port that is taken', () => {
  it('is named with its variable, for the API and the health of the worker', async () => {
    const server = await serve(echo().app, 0, LIMITS);
    const { port } = server;
    const says = (variable: string) =>
      new RegExp(
        `^${variable} is ${port}: .*EADDRINUSE.*; stop what listens there, or set ${variable} to another port$`,
      );
    await expect(serve(echo().app, port, LIMITS)).rejects.toThrow(says('PORT'));
    await expect(startWorkerHealth(port, {}, () => true)).rejects.toThrow(says('HOOKLINE_WORKER_PORT'));
    await server.stop();
  });
});

/** Stands for one that the system does not let listen, since the tests may run as root, who may everything. */
const refusing = (code: string) =>
  Object.assign(createServer(), {
    listen(this: Server) {
      queueMicrotask(() => this.emit('error', Object.assign(new Error(`listen ${code}`), { code })));
      return this;
    },
  });

describe('a port that is not to be had', () => {
  it.each([
    ['EACCES', 'set PORT to a port from 1024 up, or let this process listen below'],
    ['EINVAL', 'set PORT to another port'],
  ])('for %s says what helps', async (code, remedy) => {
    await expect(listen(refusing(code), 80, 'PORT')).rejects.toThrow(`PORT is 80: listen ${code}; ${remedy}`);
  });
});

describe('a server without a buffer for a connection', () => {
  it('serves the next', async () => {
    const server = createServer(echo().app);
    const port = await listen(server, 0, 'PORT');
    server.emit('error', Object.assign(new Error('accept ENOBUFS'), { code: 'ENOBUFS' }));
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    server.close();
  });
});
