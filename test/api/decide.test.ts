import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertDeliveries } from '../support/deliveries.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});
afterAll(() => hookline.stop());

type Decided = { decided: number; refused: { id: string; code: string }[]; code: string };

const decide = (body: object) => hookline.api<Decided>('POST', '/v1/deliveries/decide', body);
const drafts = (campaign: string, count: number) =>
  insertDeliveries(hookline.database.db, { count, state: 'drafted', campaign });

async function states(campaign: string): Promise<Record<string, number>> {
  const rows = await hookline.database.db.execute<{ state: string; count: number }>(
    sql`select state, count(*)::int from deliveries where campaign_id = ${campaign} group by state order by state`,
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

describe('POST /v1/deliveries/decide', () => {
  it('decides those that are named, each once, and says of each other one why not', async () => {
    const [first = '', second = '', third = '', late = ''] = await drafts('named', 5);
    await hookline.api('POST', `/v1/deliveries/${third}/discard`);
    await hookline.database.db.execute(sql`
      update deliveries set expires_at = now() - interval '1 s' where id = ${late}`);
    const ids = [first, second, first, third, late, 'dlv_unknown'];
    expect(await decide({ decision: 'approve', ids, reason: 'checked' })).toMatchObject({
      status: 200,
      body: {
        decided: 2,
        refused: [
          { id: third, code: 'deliveries.not_drafted' },
          { id: late, code: 'deliveries.expired' },
          { id: 'dlv_unknown', code: 'deliveries.not_found' },
        ],
      },
    });
    expect((await hookline.api('GET', `/v1/deliveries/${first}`)).body).toMatchObject({
      state: 'approved',
      decision: { by: { key: 'admin', actor: null }, decision: 'approve', reason: 'checked' },
    });
    expect(await states('named')).toEqual({ approved: 2, discarded: 1, drafted: 2 });
    expect((await decide({ decision: 'approve', ids: [first] })).body).toEqual({
      decided: 0,
      refused: [{ id: first, code: 'deliveries.not_drafted' }],
    });
  });

  it('decides those that a filter finds', async () => {
    await Promise.all([drafts('wanted', 3), drafts('others', 3)]);
    expect((await decide({ decision: 'discard', filter: { campaign: 'wanted' } })).body).toEqual({
      decided: 3,
      refused: [],
    });
    expect(await states('others')).toEqual({ drafted: 3 });
    const later = { campaign: 'others', createdAfter: '2999-01-01T00:00:00Z' };
    expect((await decide({ decision: 'discard', filter: later })).body).toEqual({ decided: 0, refused: [] });
    const filter = { campaign: 'others', version: 1, step: 'tell', person: 'mary' };
    expect((await decide({ decision: 'discard', filter })).body.decided).toBe(3);
  });

  it('shows what it would do, and does nothing if that is not what was expected', async () => {
    const ids = await drafts('tried', 12);
    const filter = { campaign: 'tried' };
    const sample = ids.slice(0, 10).map((id) => ({ id, state: 'drafted', request: null, attempts: [] }));
    expect(await decide({ decision: 'approve', filter, dryRun: true })).toMatchObject({
      status: 200,
      body: { matched: 12, sample },
    });
    expect(await decide({ decision: 'approve', filter, expect: 11 })).toMatchObject({
      status: 409,
      body: {
        code: 'deliveries.other_count',
        detail: expect.stringMatching(/^You expected 11 deliveries, and 12 match/),
      },
    });
    expect(await decide({ decision: 'approve', ids: [...ids, 'dlv_unknown'], expect: 13 })).toMatchObject({
      status: 409,
    });
    expect(await states('tried')).toEqual({ drafted: 12 });
    expect((await decide({ decision: 'approve', filter, expect: 12 })).body.decided).toBe(12);
  });

  it('leaves no more than 10,000 to a job', async () => {
    await drafts('crowd', 10_001);
    expect(await decide({ decision: 'approve', filter: { campaign: 'crowd' }, dryRun: true })).toMatchObject({
      status: 422,
      body: { code: 'deliveries.too_many' },
    });
    await hookline.database.db.execute(
      sql`delete from deliveries where campaign_id = 'crowd' and id > 'dlv_crowd_10000'`,
    );
    expect((await decide({ decision: 'approve', filter: { campaign: 'crowd' } })).status).toBe(202);
    expect(await states('crowd')).toEqual({ drafted: 10_000 });
  });

  it('takes 10,000 ids, and not one more', async () => {
    const ids = Array.from({ length: 10_001 }, (_, index) => `dlv_${index}`);
    const some = { decision: 'approve', ids: ids.slice(1), dryRun: true };
    expect(await decide(some)).toMatchObject({ status: 200, body: { matched: 0 } });
    for (const [path, body] of [
      ['decide', { decision: 'approve', ids }],
      ['rerender', { ids }],
      ['resend', { ids }],
    ] as const) {
      expectProblem(await hookline.api('POST', `/v1/deliveries/${path}`, body), 413, 'body.too_large');
    }
  });

  it.each([
    ['neither ids nor filter', {}, 'ids'],
    ['both', { ids: ['dlv_1'], filter: {} }, 'ids'],
    ['no ids', { ids: [] }, 'ids'],
    ['another state', { filter: { state: 'sent' } }, 'filter.state'],
    ['a step of no campaign', { filter: { step: 'tell' } }, 'filter.step'],
  ])('refuses %s', async (_, fields, path) => {
    expect(await decide({ decision: 'approve', ...fields })).toMatchObject({
      status: 422,
      body: { code: 'input.invalid', errors: [{ path }] },
    });
  });
});

it('a revision that no draft comes to is a fault of the input', async () => {
  const [id = ''] = await drafts('revised', 1);
  for (const action of ['approve', 'discard']) {
    const answer = await hookline.api('POST', `/v1/deliveries/${id}/${action}`, { revision: 2 ** 31 });
    expect(expectProblem(answer, 422, 'input.invalid').faults).toEqual(['revision: must be at most 2147483647']);
  }
  expect(await states('revised')).toEqual({ drafted: 1 });
});
