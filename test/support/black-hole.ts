import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

/** Listens and then stops its thread for good: nobody accepts, and once the queue is full the kernel drops what knocks. */
const CODE = `
  const { parentPort, workerData } = require('node:worker_threads');
  require('node:net').createServer().listen({ ...workerData, backlog: 1 }, () => {
    parentPort.postMessage('listening');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;

/** Where connections are neither accepted nor refused, as behind a firewall that drops them. */
export async function startBlackHole(at: { host: string; port: number }): Promise<{ close(): Promise<unknown> }> {
  const worker = new Worker(CODE, { eval: true, workerData: at });
  await once(worker, 'message');
  const fillers: Socket[] = [];
  for (let isOpen = true; isOpen;) {
    const socket = connect(at).on('error', () => {});
    fillers.push(socket);
    isOpen = await once(socket, 'connect', { signal: AbortSignal.timeout(200) }).then(
      () => true,
      () => false,
    );
  }
  return {
    close() {
      for (const socket of fillers) socket.destroy();
      return worker.terminate();
    },
  };
}
