import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCipher } from '../../db/cipher.ts';
import { checkMasterKey } from '../../db/secrets.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  await checkMasterKey(hookline.database.db, createCipher(Buffer.alloc(32, 1)));
});

afterAll(() => hookline.stop());

const put = (name: string, value: string) => hookline.api('PUT', `/v1/secrets/${name}`, { value });
const list = async (query = '') => (await hookline.api('GET', `/v1/secrets${query}`)).body;

describe('secrets', () => {
  it('are listed by name alone, without the row that proves the master key', async () => {
    expect(await list()).toEqual({ data: [], nextCursor: null });
    await put('crm_key', 'sesame-open-1');
    await put('bin_key', 'sesame-open-2');
    expect(await list()).toEqual({ data: [{ name: 'bin_key' }, { name: 'crm_key' }], nextCursor: null });
    expect(await list('?limit=1')).toEqual({ data: [{ name: 'bin_key' }], nextCursor: 'bin_key' });
    expect(await list('?limit=1&cursor=bin_key')).toEqual({ data: [{ name: 'crm_key' }], nextCursor: null });
  });

  it('are gone once deleted, and may come back', async () => {
    await put('short_lived', 'sesame-open-3');
    expect(await hookline.api('DELETE', '/v1/secrets/short_lived')).toMatchObject({
      status: 200,
      body: { name: 'short_lived' },
    });
    expect(JSON.stringify(await list())).not.toContain('short_lived');
    const again = await hookline.api('DELETE', '/v1/secrets/short_lived');
    expect(expectProblem(again, 404, 'secrets.not_found').detail).toContain('"short_lived"');
    expect((await put('short_lived', 'sesame-open-4')).status).toBe(200);
  });

  it('do not include the row that proves the master key, which nobody can delete', async () => {
    expectProblem(await hookline.api('DELETE', '/v1/secrets/master%20key'), 422, 'input.invalid');
  });
});
