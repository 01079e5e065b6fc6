import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { portOf } from '../../embedded/free-port.ts';

/** The network between a process of ours and a server. */
export type Network = {
  origin: string;
  /** `reset` cuts every connection and refuses new ones; `silence` lets nothing through either way and tells nobody. */
  cut(how: 'reset' | 'silence'): void;
  mend(): void;
  close(): Promise<void>;
};

/** A TCP proxy before `port` of this machine. What was on its way when it fell silent is lost: connections of that time end with it. */
export async function startNetwork(port: number): Promise<Network> {
  let state: 'open' | 'reset' | 'silence' = 'open';
  const pairs = new Set<[Socket, Socket]>();
  const server = createServer((near) => {
    if (state === 'reset') return void near.resetAndDestroy();
    const far = connect(port, '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    for (const [from, to] of [pair, pair.toReversed()] as [Socket, Socket][]) {
      from.setNoDelay(true);
      from.on('data', (bytes) => state === 'open' && to.write(bytes));
      from.on('error', () => {});
      from.on('close', () => {
        if (state === 'silence') return;
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  const destroyAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    pairs.clear();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${portOf(server)}`,
    cut(how) {
      state = how;
      if (how === 'reset') destroyAll();
    },
    mend() {
      destroyAll();
      state = 'open';
    },
    async close() {
      destroyAll();
      server.close();
      await once(server, 'close');
    },
  };
}
