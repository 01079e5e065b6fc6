import { afterEach, describe, expect, it } from 'vitest';
import { startRequestBin } from '../../embedded/request-bin.ts';
import type { BinRequest, RequestBin } from '../../embedded/request-bin.ts';

const bins: RequestBin[] = [];

async function start(port?: number): Promise<RequestBin> {
  const bin = await startRequestBin(port === undefined ? {} : { port });
  bins.push(bin);
  return bin;
}

async function list(bin: RequestBin): Promise<BinRequest[]> {
  const answer = await fetch(`${bin.origin}/`, { headers: { accept: 'application/json' } });
  return (await answer.json()) as BinRequest[];
}

afterEach(async () => {
  await Promise.all(bins.splice(0).map((bin) => bin.close()));
});

describe('the request bin', () => {
  it('answers with what came, with an id that is new each time', async () => {
    const bin = await start();
    const send = async (): Promise<BinRequest> => {
      const answer = await fetch(`${bin.origin}/bin/orders/7?a=1&b=2&b=3`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json; charset=utf-8', 'x-mine': 'yes' },
        body: '{"name":"Mary","tags":["a"]}',
      });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toContain('application/json');
      return (await answer.json()) as BinRequest;
    };
    const [first, second] = [await send(), await send()];
    expect(first).toMatchObject({
      method: 'PUT',
      path: '/bin/orders/7',
      query: { a: '1', b: ['2', '3'] },
      headers: { 'x-mine': 'yes' },
      body: { name: 'Mary', tags: ['a'] },
    });
    expect(first.id).not.toBe(second.id);
    expect(Date.parse(first.receivedAt)).toBeGreaterThan(Date.now() - 60_000);
  });

  it.each([
    ['application/x-www-form-urlencoded', 'name=Mary+Ann&tag=a&tag=b', { name: 'Mary Ann', tag: ['a', 'b'] }],
    ['application/vnd.api+json', '{"a":1}', { a: 1 }],
    ['application/json', '{"a":', '{"a":'],
    ['text/plain', '{"a":1}', '{"a":1}'],
  ])('reads a body of type %s', async (type, body, expected) => {
    const bin = await start();
    await fetch(`${bin.origin}/bin/x`, { method: 'POST', headers: { 'content-type': type }, body });
    expect((await list(bin))[0]?.body).toEqual(expected);
  });

  it('answers as status and delay say', async () => {
    const bin = await start();
    const before = performance.now();
    const answer = await fetch(`${bin.origin}/bin/x?status=503&delay=1s`);
    expect(answer.status).toBe(503);
    expect(performance.now() - before).toBeGreaterThan(950);
    expect((await fetch(`${bin.origin}/bin/x?status=204`)).status).toBe(204);
    expect((await fetch(`${bin.origin}/bin/x?status=banana&delay=banana`)).status).toBe(200);
  });

  it('shows the last 200 requests, newest first, with 64 KiB of each', async () => {
    const bin = await start();
    for (let n = 1; n <= 201; n++) await fetch(`${bin.origin}/bin/${n}`);
    await fetch(`${bin.origin}/bin/large`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'x'.repeat(100_000),
    });
    const requests = await list(bin);
    expect(requests).toHaveLength(200);
    expect(requests.slice(0, 2).map((request) => request.path)).toEqual(['/bin/large', '/bin/201']);
    expect(requests[0]).toMatchObject({ body: 'x'.repeat(65_536), truncated: true });
    expect(requests.at(-1)?.path).toBe('/bin/3');
  });

  it('escapes everything on its page, which loads nothing', async () => {
    const bin = await start();
    const evil = '<script>alert("1")</script>';
    await fetch(`${bin.origin}/bin/%3Cb%3E?q=${encodeURIComponent(evil)}`, {
      method: 'POST',
      headers: { 'x-evil': evil, 'content-type': 'text/plain' },
      body: evil,
    });
    const page = await fetch(`${bin.origin}/`);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const html = await page.text();
    expect(html).not.toContain('<script');
    expect(html).toContain('&lt;script&gt;');
  });

  it('takes its port again, or another where that is taken', async () => {
    const first = await start();
    const second = await start(first.port);
    expect(second.port).not.toBe(first.port);
    await first.close();
    bins.splice(bins.indexOf(first), 1);
    expect((await start(first.port)).port).toBe(first.port);
  });

  it('forgets a client that leaves before the delayed answer', async () => {
    const bin = await start();
    await expect(fetch(`${bin.origin}/bin/x?delay=5m`, { signal: AbortSignal.timeout(200) })).rejects.toThrow(
      'timeout',
    );
    expect(await list(bin)).toHaveLength(1);
  });
});
