import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { freePorts, isFree, listenHere } from '../../embedded/free-port.ts';

it('tells a port that is taken, and one that is free', async () => {
  const [port = 0] = await freePorts(1);
  expect(await isFree(port)).toBe(true);
  const server = createServer();
  await listenHere(server, port);
  expect(await isFree(port)).toBe(false);
  server.close();
});

it('takes a port where it may not listen for no port that is taken', async () => {
  // Stands for the system, since the tests may run as root, who may everything.
  const refusing = () =>
    Object.assign(createServer(), {
      listen() {
        throw Object.assign(new Error('listen EACCES: permission denied 0.0.0.0:80'), { code: 'EACCES' });
      },
    });
  await expect(isFree(80, refusing)).rejects.toThrow('EACCES');
});
