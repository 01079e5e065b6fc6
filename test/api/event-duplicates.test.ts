import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

type Counts = { accepted: number; duplicates: number };
const post = (body: unknown) => hookline.api<Counts>('POST', '/v1/events', body);
const inboxOf = async (person: string) => {
  const { body } = await hookline.api<{ key: string }>('GET', `/v1/people/${person}`);
  return hookline.database.db.execute(`select subject from inbox where person_key = '${body.key}' order by number`);
};

describe('an event with an id that is known', () => {
  it('is accepted and changes nothing, whatever it says', async () => {
    const first = { id: 'once', person: 'ada', name: 'first', data: { a: 1 }, attributes: { a: 1 } };
    await post(first);
    const { status, body } = await post({ ...first, name: 'second', data: {}, attributes: { a: 2, b: 2 } });
    expect(status).toBe(202);
    expect(body).toEqual({ accepted: 0, duplicates: 1, ids: ['once'], errors: [] });
    expect((await hookline.api('GET', '/v1/events/once')).body).toMatchObject({ name: 'first', data: { a: 1 } });
    expect(await hookline.attributes('ada')).toEqual({ a: 1 });
    expect(await inboxOf('ada')).toEqual([{ subject: 'once' }]);
  });

  it('creates nobody', async () => {
    await post({ id: 'taken', person: 'owner', name: 'x' });
    expect((await post({ id: 'taken', person: 'other', name: 'x' })).body).toMatchObject({ duplicates: 1 });
    expect((await hookline.api('GET', '/v1/people/other')).status).toBe(404);
  });

  it('counts once where it stands twice in a list: the first', async () => {
    const { body } = await post([
      { id: 'twice', person: 'grace', name: 'x', attributes: { n: 1 } },
      { id: 'twice', person: 'grace', name: 'x', attributes: { n: 2 } },
      { person: 'grace', name: 'y' },
    ]);
    expect(body).toEqual({
      accepted: 2,
      duplicates: 1,
      ids: ['twice', 'twice', expect.stringMatching(/^evt_/)],
      errors: [],
    });
    expect(await hookline.attributes('grace')).toEqual({ n: 1 });
    expect(await inboxOf('grace')).toHaveLength(2);
  });

  it('counts once where it comes 50 times at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        post({ id: 'at-once', person: 'lin', name: 'x', attributes: { [`from-${index}`]: true } }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(answers.reduce((sum, { body }) => sum + body.accepted, 0)).toBe(1);
    expect(answers.reduce((sum, { body }) => sum + body.duplicates, 0)).toBe(49);
    expect(Object.keys(await hookline.attributes('lin'))).toHaveLength(1);
    expect(await inboxOf('lin')).toEqual([{ subject: 'at-once' }]);
  });

  it('counts once where lists with it come at once, in other orders and for other people', async () => {
    for (const round of [1, 2, 3, 4]) {
      const ids = Array.from({ length: 1_000 }, (_, index) => `crossed-${round}-${index}`);
      const list = (order: string[], who: number) => order.map((id) => ({ id, person: `crossed-${who}`, name: 'x' }));
      const lists = [0, 1, 2, 3].map((who) => list(who % 2 ? ids : ids.toReversed(), who));
      const answers = await Promise.all(lists.map(post));
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
      expect(answers.reduce((sum, { body }) => sum + body.accepted, 0)).toBe(1_000);
    }
  });
});

describe('events that come at once', () => {
  it("take their person's numbers without a gap or a double", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(Array.from({ length: 5 }, () => ({ person: 'busy', name: 'x' })))),
    );
    expect(answers.map(({ body }) => body.accepted)).toEqual(answers.map(() => 5));
    const rows = await hookline.database.db.execute<{ number: string }>(
      `select number from events join people on key = person_key where people.id = 'busy' order by number`,
    );
    expect(rows.map(({ number }) => Number(number))).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('for many people in other orders all get in', async () => {
    const people = Array.from({ length: 100 }, (_, index) => `crowd-${index}`);
    const list = (order: string[]) => order.map((person) => ({ person, name: 'x', attributes: { seen: true } }));
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => post(list(index % 2 ? people : people.toReversed()))),
    );
    expect(answers.map(({ body }) => body.accepted)).toEqual(answers.map(() => 100));
  });
});
