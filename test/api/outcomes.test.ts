import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
  await hookline.publish('letters', {
    trigger: { type: 'event', event: 'wrote', where: { 'event.words': { gte: 3 } } },
    entry: { maxConcurrent: 1 },
    steps: [{ type: 'delay', for: '1h' }],
  });
});
afterAll(() => hookline.stop());

type Outcome = { at: string; person: string; cause: string; outcome: string };
type Page = { data: Outcome[]; nextCursor: string | null };

const list = (query = '') => hookline.api<Page>('GET', `/v1/campaigns/letters/outcomes${query}`);

async function wrote(events: { id: string; person: string; words: number }[]): Promise<void> {
  await hookline.api(
    'POST',
    '/v1/events',
    events.map(({ id, person, words }) => ({ id, person, name: 'wrote', data: { words } })),
  );
  await eventually(async () => (await hookline.database.db.execute(sql`select from inbox`)).length === 0);
}

async function pages(query: string): Promise<Outcome[]> {
  const all: Outcome[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const { body }: { body: Page } = await list(`?limit=7&cursor=${cursor}${query}`);
    all.push(...body.data);
    cursor = body.nextCursor;
  }
  return all;
}

describe('GET /v1/campaigns/:id/outcomes', () => {
  it('has each entry that was considered, with what decided, oldest first', async () => {
    await wrote([
      { id: 'a', person: 'ann', words: 5 },
      { id: 'b', person: 'ann', words: 1 },
      { id: 'c?&#.ü', person: 'ann', words: 9 },
    ]);
    await wrote([{ id: 'd', person: 'bob', words: 3 }]);
    const { status, body } = await list();
    expect(status).toBe(200);
    expect(body).toEqual({
      data: [
        {
          at: expect.any(String),
          person: 'ann',
          cause: 'event/a',
          version: 1,
          outcome: 'entered',
          reason: 'entered',
          values: { 'event.words': 5 },
          journey: expect.stringMatching(/^jrn_/),
        },
        expect.objectContaining({
          cause: 'event/b',
          outcome: 'whereFalse',
          values: { 'event.words': 1 },
          journey: null,
        }),
        expect.objectContaining({
          cause: 'event/c?&#.ü',
          outcome: 'maxConcurrent',
          values: { active: 1 },
          journey: null,
        }),
        expect.objectContaining({ person: 'bob', cause: 'event/d', outcome: 'entered' }),
      ],
      nextCursor: null,
    });
  });

  it('is asked by person, outcome and time', async () => {
    const causes = async (query: string) => (await list(query)).body.data.map(({ cause }) => cause);
    expect(await causes('?person=bob')).toEqual(['event/d']);
    expect(await causes('?outcome=entered&order=desc')).toEqual(['event/d', 'event/a']);
    expect(await causes('?person=ann&outcome=whereFalse')).toEqual(['event/b']);
    expect(await causes('?person=nobody')).toEqual([]);
    const [, second] = (await list()).body.data;
    const at = encodeURIComponent(second?.at ?? '');
    expect(await causes(`?createdAfter=${at}`)).not.toContain('event/a');
    expect(await causes(`?createdBefore=${at}`)).not.toContain('event/b');
  });

  it('goes on where a page ended, each once in either order, though many have one time and others come meanwhile', async () => {
    const events = Array.from({ length: 40 }, (_, each) => ({
      id: `many-${each}`,
      person: `p-${each % 5}`,
      words: each,
    }));
    await wrote(events);
    await hookline.database.db.execute(sql`
      update outcomes set at = date_trunc('second', at) where cause like 'event/many-%'`);
    const { data } = (await list('?limit=200')).body;
    expect(data).toHaveLength(44);
    const keys = (outcomes: Outcome[]) => outcomes.map(({ cause }) => cause);
    expect(keys(await pages(''))).toEqual(keys(data));
    expect(keys(await pages('&order=desc'))).toEqual(keys(data).toReversed());

    const { body } = await list('?limit=20');
    await wrote([{ id: 'later', person: 'ann', words: 1 }]);
    const rest = await list(`?limit=200&cursor=${body.nextCursor}`);
    expect(keys([...body.data, ...rest.body.data])).toEqual([...keys(data), 'event/later']);
  });

  it('goes on behind an event with the longest id', async () => {
    const id = '語'.repeat(255);
    await wrote([
      { id, person: 'ann', words: 1 },
      ...['z-1', 'z-2'].map((each) => ({ id: each, person: 'ann', words: 1 })),
    ]);
    const { data } = (await list('?limit=200')).body;
    const place = data.findIndex(({ cause }) => JSON.stringify(cause).includes(id));
    const { body } = await list(`?limit=${place + 1}`);
    const { body: rest } = await list(`?limit=200&cursor=${body.nextCursor}`);
    expect([...body.data, ...rest.data]).toEqual(data);
  });

  it('refuses what is no cursor or outcome, and says how to publish a campaign that nobody knows', async () => {
    for (const cursor of ['x', 'MTIz', '..', 'a'.repeat(2001)]) {
      expectProblem(await list(`?cursor=${cursor}`), 422, 'input.invalid');
    }
    expectProblem(await list('?outcome=exited'), 422, 'input.invalid');
    expectProblem(await list('?limit=201'), 422, 'input.invalid');
    expectProblem(await hookline.api('GET', '/v1/campaigns/none/outcomes'), 404, 'campaigns.not_found');
  });
});

describe('GET /v1/campaigns/:id/versions/:version', () => {
  it('answers a definition as it was published, with who is inside', async () => {
    const delay = (hours: number) => ({
      trigger: { type: 'event', event: 'v' },
      steps: [{ type: 'delay', for: `${hours}h` }],
    });
    await hookline.publish('versions', delay(1));
    await hookline.api('POST', '/v1/events', { person: 'vera', name: 'v' });
    await eventually(async () => (await hookline.database.db.execute(sql`select from inbox`)).length === 0);
    await hookline.api('PUT', '/v1/campaigns/versions', delay(2));
    const get = (version: string) => hookline.api('GET', `/v1/campaigns/versions/versions/${version}`);
    expect(await get('1')).toMatchObject({
      status: 200,
      body: { id: 'versions', version: 1, inside: 1, definition: { id: 'versions', steps: [{ for: '1h' }] } },
    });
    expect(await get('2')).toMatchObject({
      status: 200,
      body: { version: 2, inside: 0, definition: { steps: [{ for: '2h' }] } },
    });
    expect(expectProblem(await get('3'), 404, 'campaigns.not_found').detail).toBe(
      'Campaign versions has no version 3; the newest is 2.',
    );
    expectProblem(await get('x'), 422, 'input.invalid');
    expectProblem(await hookline.api('GET', '/v1/campaigns/none/versions/1'), 404, 'campaigns.not_found');
  });
});
