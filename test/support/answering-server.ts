import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Client, Connection } from '@temporalio/client';

/** Not compressed, of no bytes. */
const EMPTY_MESSAGE = Buffer.alloc(5);

/**
 * A server instead of Temporal's that tells what it can do, and answers everything else, or only what is asked about one workflow, with
 * this gRPC status, or not until it is closed; what is left is taken.
 */
export async function startServerThatAnswers(code: number | 'never', { message = 'not today', only = '' } = {}) {
  const server = createServer();
  const answer = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const isGreeting = headers[':path']?.endsWith('/GetSystemInfo');
    const asked = await buffer(stream);
    const head = { ':status': 200, 'content-type': 'application/grpc' };
    if (isGreeting || asked.includes(only)) {
      if (!isGreeting && code === 'never') return;
      const status = { 'grpc-status': String(isGreeting ? 12 : code), 'grpc-message': message };
      return stream.respond({ ...head, ...status }, { endStream: true });
    }
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(EMPTY_MESSAGE);
  };
  server.on('stream', (stream, headers) => void answer(stream, headers));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = Connection.lazy({ address: `127.0.0.1:${port}`, interceptors: [] });
  return {
    client: new Client({ connection }),
    async close() {
      await connection.close();
      server.close();
    },
  };
}
