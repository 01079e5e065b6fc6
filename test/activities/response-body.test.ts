import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { collectBody } from '../../activities/response-body.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function bytesInBuffers(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

it('keeps little of what is read where little of the body comes with each read', () => {
  const before = bytesInBuffers();
  const bodies = Array.from({ length: 20 }, () => {
    const body = collectBody();
    for (let read = 0; read < 200; read += 1) body.add(Buffer.from(new ArrayBuffer(64 * 1024), 7, 1).fill('x'));
    return body;
  });
  expect(bytesInBuffers() - before).toBeLessThan(64 * 1024 * 1024);
  expect(bodies.map((body) => body.bytes().toString())).toEqual(bodies.map(() => 'x'.repeat(200)));
});
