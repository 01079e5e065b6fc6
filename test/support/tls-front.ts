import { connect, type AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { cert, key } from './certificate.ts';

/** Listens with TLS in front of a server that has none, for clients that speak nothing else. They trust `cert`. */
export async function startTlsFront(url: string) {
  const { port, hostname } = new URL(url);
  const server = createServer({ cert, key }, (outer) => {
    const inner = connect(Number(port), hostname);
    outer.on('error', () => inner.destroy()).on('close', () => inner.destroy());
    inner.on('error', () => outer.destroy()).on('close', () => outer.destroy());
    outer.pipe(inner).pipe(outer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
