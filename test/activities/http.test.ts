import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttp, type Http } from '../../activities/http.ts';
import {
  type Behaviour,
  closeBeforeAnswer,
  dripBody,
  dripHeaders,
  endlessBody,
  flood,
  garbage,
  gzipBomb,
  hang,
  redirect,
  reset,
  respond,
  shortBody,
} from '../support/behaviours.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';

const timeoutMs = 1_000;
let receiver: Receiver;
let http: Http;

beforeAll(async () => {
  receiver = await startReceiver();
  http = createHttp({ allowHttp: true, allowNetworks: ['127.0.0.0/8'] });
});

afterAll(async () => {
  await http.close();
  await receiver.close();
});

const post = (url: string, body = '{}') =>
  http.send({ method: 'POST', url, headers: [['content-type', 'application/json']], body }, { timeoutMs });

const answers = (text: string) => garbage(`HTTP/1.1 ${text}`);
const ok = '200 OK\r\ncontent-length: 2\r\n\r\n{}';
const manyHeaders = Array.from({ length: 10_000 }, (_, index) => `x-${index}: 1\r\n`).join('');

type Row = {
  when: string;
  does: Behaviour;
  class: string;
  status?: number;
  error?: string;
  bodyError?: string;
  phase?: string;
  truncated?: boolean;
  /** It takes the whole time. */
  waits?: boolean;
};

const rows: Row[] = [
  { when: 'answers 200', does: respond({ json: { id: 7 } }), class: 'sent', status: 200 },
  { when: 'answers 204', does: respond({ status: 204 }), class: 'sent', status: 204 },
  { when: 'answers 503', does: respond({ status: 503 }), class: 'retryable', status: 503, error: 'server_error' },
  { when: 'answers 429', does: respond({ status: 429 }), class: 'retryable', status: 429, error: 'rate_limited' },
  { when: 'answers 410', does: respond({ status: 410 }), class: 'rejected', status: 410, error: 'client_error' },
  { when: 'answers 999', does: respond({ status: 999 }), class: 'rejected', status: 999, error: 'invalid_status' },
  {
    when: 'answers 304',
    does: answers('304 No\r\n\r\n'),
    class: 'rejected',
    status: 304,
    error: 'redirect_not_followed',
  },
  { when: 'answers 101', does: answers('101 Up\r\n\r\n'), class: 'rejected', status: 101, error: 'invalid_status' },
  {
    when: 'answers 101 with an upgrade',
    does: answers('101 Up\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
    class: 'rejected',
    error: 'invalid_status',
  },
  { when: 'answers 000', does: answers('000 Zero\r\n\r\n'), class: 'rejected', status: 0, error: 'invalid_status' },
  { when: 'never answers', does: hang(), class: 'retryable', error: 'timeout', phase: 'headers', waits: true },
  { when: 'drips its head', does: dripHeaders(), class: 'retryable', error: 'timeout', phase: 'headers', waits: true },
  {
    when: 'drips its body',
    does: dripBody(),
    class: 'sent',
    status: 200,
    bodyError: 'timeout',
    phase: 'body',
    waits: true,
  },
  { when: 'drips the body of a 503', does: dripBody(50, 503), class: 'retryable', status: 503, error: 'server_error' },
  { when: 'sends 3 of 10 MB', does: shortBody(), class: 'sent', status: 200, bodyError: 'timeout', waits: true },
  {
    when: 'sends without end',
    does: endlessBody(),
    class: 'sent',
    status: 200,
    bodyError: 'body_too_large',
    truncated: true,
  },
  {
    when: 'sends a gzip bomb',
    does: gzipBomb(),
    class: 'sent',
    status: 200,
    bodyError: 'body_too_large',
    truncated: true,
  },
  { when: 'resets in its head', does: reset('headers'), class: 'retryable', error: 'connection_lost' },
  { when: 'resets in its body', does: reset('body'), class: 'sent', status: 200, bodyError: 'connection_lost' },
  {
    when: 'resets in the body of a 404',
    does: reset('body', 404),
    class: 'rejected',
    status: 404,
    error: 'client_error',
  },
  { when: 'closes without a byte', does: closeBeforeAnswer(), class: 'retryable', error: 'connection_lost' },
  { when: 'speaks SSH', does: garbage('SSH-2.0-OpenSSH_9.6\r\n'), class: 'retryable', error: 'protocol_error' },
  { when: 'speaks SMTP', does: garbage('220 mail ESMTP\r\n'), class: 'retryable', error: 'protocol_error' },
  {
    when: 'speaks TLS',
    does: garbage(Buffer.from('1503030002022a', 'hex')),
    class: 'retryable',
    error: 'protocol_error',
  },
  {
    when: 'sends 40 KB of one header',
    does: answers(`200 OK\r\nx-big: ${'x'.repeat(40_000)}\r\n\r\n`),
    class: 'retryable',
    error: 'protocol_error',
  },
  {
    when: 'sends 10,000 headers',
    does: answers(`200 OK\r\n${manyHeaders}\r\n`),
    class: 'retryable',
    error: 'protocol_error',
  },
  {
    when: 'floods with 103',
    does: flood('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    class: 'retryable',
    error: 'protocol_error',
  },
  {
    when: 'sends two 103 first',
    does: answers(`103 Hint\r\n\r\nHTTP/1.1 103 Hint\r\n\r\nHTTP/1.1 ${ok}`),
    class: 'sent',
    status: 200,
  },
  {
    when: 'sends two Content-Length values',
    does: answers('200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'),
    class: 'retryable',
    error: 'protocol_error',
  },
  {
    when: 'sends Content-Length and Transfer-Encoding',
    does: answers('200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
    class: 'retryable',
    error: 'protocol_error',
  },
  {
    when: 'redirects to the metadata service',
    does: redirect('http://169.254.169.254/latest', 307),
    class: 'rejected',
    status: 307,
    error: 'redirect_not_followed',
  },
];

describe('an exchange with a receiver that', () => {
  it.each(rows)('$when is $class, in bounded time and memory', async (row) => {
    receiver.on('/row', row.does);
    const exchange = await post(receiver.url('/row'));
    expect(exchange).toMatchObject({
      class: row.class,
      ...(row.status === undefined ? {} : { status: row.status }),
      ...(row.phase === undefined ? {} : { phase: row.phase }),
      truncated: row.truncated ?? false,
    });
    expect(exchange.error?.code).toBe(row.error);
    if (row.bodyError) expect(exchange.bodyError?.code).toBe(row.bodyError);
    expect(exchange.body.length).toBeLessThanOrEqual(256 * 1024);
    expect(exchange.durationMs).toBeLessThan(timeoutMs + 250);
    if (row.waits) expect(exchange.durationMs).toBeGreaterThan(timeoutMs - 10);
  });

  it('fails in many ways at once leaves no connection open', async () => {
    const failing = rows.filter(({ error, bodyError }) => error === 'timeout' || bodyError);
    failing.forEach(({ does }, index) => receiver.on(`/closed/${index}`, does));
    await Promise.all(failing.map((_, index) => post(receiver.url(`/closed/${index}`))));
    await http.close();
    await receiver.waitForSilence();
  });
});
