import { sql } from 'drizzle-orm';
import pino from 'pino';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem, send } from '../support/problem.ts';

type Key = { id: string; secret: string; activeFrom: string; retiresAt: string | null };
type Line = Record<string, unknown>;

let hookline: Hookline;
let lines: string[];
const opened: Hookline[] = [];

beforeEach(async () => {
  const written: string[] = [];
  lines = written;
  const log = pino({}, { write: (line) => void written.push(line) });
  hookline = await startHookline({ worker: false, relays: 0, log });
  opened.push(hookline);
});

afterAll(() => Promise.all(opened.map((each) => each.stop())));

const list = async () => (await hookline.api<{ data: Key[] }>('GET', '/v1/signing-keys')).body.data;
const rotate = (body?: unknown) => hookline.api<Key>('POST', '/v1/signing-keys/rotate', body);
const overlapMs = (before: Key | undefined, after: Key) =>
  Date.parse(before?.retiresAt ?? '') - Date.parse(after.activeFrom);

describe('GET /v1/signing-keys', () => {
  it('makes the first key once, however many ask at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, list));
    const [key] = answers[0] ?? [];
    expect(key).toEqual({
      id: expect.stringMatching(/^sgk_/),
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
      activeFrom: expect.stringMatching(/Z$/),
      retiresAt: null,
    });
    expect(answers).toEqual(Array.from({ length: 8 }, () => [key]));
  });

  it('is logged, without the secrets, which are stored sealed', async () => {
    const [key] = await list();
    const { body: imported } = await rotate({ secret: 'a key that Customer.io showed' });
    const logged = lines.map((line): Line => JSON.parse(line)).filter(({ msg }) => msg !== 'request');
    expect(logged).toMatchObject([
      { msg: 'signing keys were read', signingKeys: [key?.id] },
      { msg: 'the signing key was rotated', signingKey: imported.id, imported: true, overlapMs: 86_400_000 },
    ]);
    expect(lines.join('')).not.toContain('Customer.io');
    expect(lines.join('')).not.toContain(key?.secret);
    const rows = await hookline.database.db.execute<{ secret: Buffer }>(sql`select secret from signing_keys`);
    expect(rows.map(({ secret }) => secret.toString('latin1')).join('')).not.toMatch(/Customer\.io|whsec_/);
  });
});

describe('POST /v1/signing-keys/rotate', () => {
  it('is logged only once it is stored', async () => {
    const { db } = hookline.database;
    const rotateOnce = () =>
      send(`${hookline.url}/v1/signing-keys/rotate`, { body: '{}', headers: { 'idempotency-key': 'once' } });
    const logged = () => lines.filter((line) => line.includes('the signing key was rotated')).length;
    await db.execute(sql`alter table idempotency add constraint refused check (false) not valid`);
    expectProblem(await rotateOnce(), 500, 'internal.error');
    expect(logged()).toBe(0);
    await db.execute(sql`alter table idempotency drop constraint refused`);
    for (const _ of [1, 2]) expect((await rotateOnce()).status).toBe(201);
    expect(logged()).toBe(1);
  });

  it('answers the new key, and leaves the one before it 24 h', async () => {
    const [first] = await list();
    const { status, body } = await rotate();
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^sgk_/),
      secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
      activeFrom: expect.stringMatching(/Z$/),
      retiresAt: null,
    });
    const [before, after] = await list();
    expect(after).toEqual(body);
    expect(before).toEqual({ ...first, retiresAt: expect.any(String) });
    expect(overlapMs(before, body)).toBe(86_400_000);
  });

  it('shortens an overlap that is longer, and lengthens none', async () => {
    await list();
    await rotate({ overlap: '7d' });
    const { body: third } = await rotate({ overlap: '1h' });
    const { body: fourth } = await rotate({ overlap: '2h' });
    const [one, two, three, four] = await list();
    expect([overlapMs(one, third), overlapMs(two, third)]).toEqual([3_600_000, 3_600_000]);
    expect(overlapMs(three, fourth)).toBe(7_200_000);
    expect(four).toEqual(fourth);
  });

  it('takes a secret as it is, as the first key too', async () => {
    const { body } = await rotate({ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' });
    expect(body.secret).toBe('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    expect(await list()).toEqual([body]);
  });

  it('refuses a sixth active key and says until when, but not without an overlap', async () => {
    for (let made = 1; made <= 5; made += 1) expect((await rotate()).status).toBe(201);
    const before = await list();
    const { detail } = expectProblem(await rotate(), 409, 'signing.too_many_keys');
    expect(detail).toBe(
      `5 keys are active, and there may be 5. Rotate after ${before[0]?.retiresAt}, ` +
        'when the next of them retires, or with the overlap 0s, which retires them all at once.',
    );
    expect(await list()).toEqual(before);
    const { status, body } = await rotate({ overlap: '0s' });
    expect(status).toBe(201);
    const after = await list();
    expect(after.map((key) => (key.id === body.id ? 'new' : overlapMs(key, body)))).toEqual([0, 0, 0, 0, 0, 'new']);
    expect((await rotate()).status).toBe(201);
  });

  it('has one key without an end after many at once', async () => {
    await Promise.all(Array.from({ length: 4 }, () => rotate()));
    const keys = await list();
    expect(keys).toHaveLength(4);
    expect(keys.filter(({ retiresAt }) => retiresAt === null)).toHaveLength(1);
  });

  it.each([
    [{ secret: 'too short' }, 'secret: write whsec_ and 24 to 64 bytes in base64, or 16 characters'],
    [{ secret: 'whsec_too_short' }, 'secret: write 24 to 64 bytes in base64 behind whsec_'],
    [{ overlap: '8d' }, 'overlap: write 0s, or a duration of up to 7d such as 24h'],
    [{ overlap: 5 }, 'overlap: write 0s, or a duration of up to 7d such as 24h'],
    [{ overlaps: '1h' }, 'overlaps: unknown key "overlaps"; did you mean "overlap"?'],
  ])('refuses %j', async (body, fault) => {
    const answer = await rotate(body);
    expect(expectProblem(answer, 422, 'input.invalid').faults).toEqual([fault]);
    if ('secret' in body) expect(JSON.stringify(answer.body)).not.toContain(body.secret);
  });
});
