import { sql } from 'drizzle-orm';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { placeAt } from '../../db/id.ts';
import { noteNamespace } from '../../db/namespaces.ts';
import { commands, journeys } from '../../db/schema/journeys.ts';
import { askAbout, type Asking, type Suspect } from '../../relay/ask.ts';
import { createWatch, type WatchDependencies } from '../../relay/watch.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { DAY_MS, oldRows } from '../support/old-rows.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  const rows = oldRows(hookline.database.db, new Date());
  await rows.campaign();
  await rows.person('per_ada');
});
afterEach(async () => {
  const { db } = hookline.database;
  for (const table of ['commands', 'namespaces', 'journeys', 'deliveries'])
    await db.execute(sql.raw(`delete from ${table}`));
});
afterAll(() => hookline.stop());

const PACE = { overdueMs: DAY_MS, idleMs: DAY_MS, recheckMs: 60_000, perSecond: 1_000, rebuiltPerSecond: 1_000 };

/** A watch of a namespace with this id, that counts how often it asks for a workflow. */
function watch(namespace: string, others: Partial<WatchDependencies> = {}) {
  const { client } = hookline;
  const asked: string[] = [];
  const asking: Asking = {
    withDeadline: (deadline, ask) => client.withDeadline(deadline, ask),
    workflow: {
      list: (options) => client.workflow.list(options),
      getHandle: (id) => {
        asked.push(id);
        return client.workflow.getHandle(id);
      },
    },
  };
  const made: string[] = [];
  const look = createWatch({
    ...{ db: hookline.database.db, client: asking, taskQueue: hookline.taskQueue, log: pino({ level: 'silent' }) },
    now: () => new Date(),
    random: () => 0,
    onRestart: () => {},
    namespaceId: async () => namespace,
    onNewNamespace: async () => {
      made.push(namespace);
      return true;
    },
    signal: new AbortController().signal,
    pace: PACE,
    ...others,
  });
  return { look, asked, made };
}

/** So many journeys that wait for something for a year. */
const fillWaiting = (count: number) =>
  hookline.database.db.execute(sql`
    insert into journeys (id, campaign_id, version, person_key, cause, state, step_id)
    select 'jrn_' || n, 'tour', 1, 'per_ada', 'event/' || n, 'waiting', 'pay' from generate_series(1, ${count}::int) as n`);

const runs = async () => {
  const rows = await hookline.database.db.select({ run: journeys.run }).from(journeys);
  return new Set(rows.map(({ run }) => run));
};
const told = async () => {
  const rows = await hookline.database.db.select().from(commands);
  return rows.map(({ workflowId }) => workflowId).toSorted((one, other) => one.localeCompare(other));
};

describe('a namespace that is seen for the first time', () => {
  it('has all there is: nobody is asked about', async () => {
    await fillWaiting(10);
    const { look, asked, made } = watch('first');
    expect(await look()).toBe(0);
    expect({ asked, made }).toEqual({ asked: [], made: [] });
  });
});

describe('a namespace that is another one than before', () => {
  it('is made ready; then all that goes on is started there, a part each second, in the lane of what may wait', async () => {
    const { db } = hookline.database;
    const rows = oldRows(db, new Date());
    await fillWaiting(650);
    const journeyId = await rows.journey('ended', { began: 1, ended: 1 });
    const nextAttemptAt = new Date(Date.now() + 3_600_000);
    await rows.delivery('own', { made: 1, changed: 0, state: 'attempted', nextAttemptAt });
    await rows.delivery('drafted', { made: 1, changed: 0, state: 'drafted' });
    await rows.delivery('of-a-journey', { made: 1, changed: 0, state: 'queued', journeyId });
    await rows.resend(await rows.delivery('again', { made: 1, changed: 0, state: 'sent' }), { nextAttemptAt });
    await noteNamespace(db, 'before');
    const { look, asked, made } = watch('after', { pace: { ...PACE, rebuiltPerSecond: 300 } });
    expect(await look()).toBe(0);
    expect({ asked, made }).toEqual({ asked: [], made: ['after'] });
    const lanes = await db.execute(sql`
      select split_part(workflow_id, '/', 1) as of, lane, count(*)::int as count from commands group by 1, 2 order by 1`);
    expect(lanes).toEqual([
      { of: 'delivery', lane: 1, count: 1 },
      { of: 'journey', lane: 1, count: 650 },
      { of: 'resend', lane: 1, count: 1 },
    ]);
    expect(await look()).toBe(0);
    expect(await told()).toHaveLength(652);
    expect(await runs()).toEqual(new Set([1]));
  });

  it('is gone through at no more than the pace, and by another relay from where the first one ends', async () => {
    await fillWaiting(100);
    await noteNamespace(hookline.database.db, 'before');
    const ending = new AbortController();
    const slow = watch('after', { pace: { ...PACE, rebuiltPerSecond: 20 }, signal: ending.signal });
    const startedAt = performance.now();
    const looking = slow.look();
    await eventually(async () => (await told()).length >= 40);
    // A timer may be a millisecond early.
    expect(performance.now() - startedAt).toBeGreaterThan(990);
    ending.abort();
    await expect(looking).rejects.toThrow();
    expect((await told()).length).toBeLessThan(100);
    expect(await watch('after').look()).toBe(0);
    expect(await told()).toHaveLength(100);
  });

  it('is noticed by many relays at once, and starts each workflow once', async () => {
    await fillWaiting(40);
    await noteNamespace(hookline.database.db, 'before');
    await Promise.all(
      [1, 2, 3].map(async () => {
        const { look } = watch('after');
        while ((await look()) > 0);
      }),
    );
    expect(await told()).toHaveLength(40);
    expect(new Set(await told()).size).toBe(40);
  });
});

describe('the first look of a relay', () => {
  it('takes all that is due, however little, and later looks only what is overdue', async () => {
    const { db } = hookline.database;
    const rows = oldRows(db, new Date());
    const due = new Date(Date.now() - 1_000);
    await rows.journey('due', { began: 1, ended: null, state: 'delayed', stepUntil: due, updatedAt: new Date() });
    await rows.delivery('due', { made: 1, changed: 0, state: 'attempted', nextAttemptAt: due });
    await rows.delivery('later', {
      ...{ made: 1, changed: 0, state: 'attempted' as const },
      nextAttemptAt: new Date(Date.now() + 60_000),
    });
    const { look, asked } = watch('same');
    await look();
    expect(asked).toHaveLength(2);
    await rows.journey('next', { began: 1, ended: null, state: 'delayed', stepUntil: due, updatedAt: new Date() });
    await look();
    expect(asked).toHaveLength(2);
  });
});

describe('asking about workflows', () => {
  it('asks for no more than so many a second, one by one', async () => {
    const { client } = hookline;
    const askedAt: number[] = [];
    const asking: Asking = {
      withDeadline: (deadline, ask) => client.withDeadline(deadline, ask),
      workflow: {
        list: (options) => client.workflow.list(options),
        getHandle: (id) => {
          askedAt.push(performance.now());
          return client.workflow.getHandle(id);
        },
      },
    };
    const suspects = Array.from({ length: 10 }, (_, n): Suspect => ({
      type: 'journey',
      run: { id: `jrn_${n}`, run: 1 },
    }));
    const dependencies = { db: hookline.database.db, client: asking, log: pino({ level: 'silent' }) };
    const { signal } = new AbortController();
    await askAbout({ ...dependencies, onRestart: () => {}, signal }, suspects, 20);
    expect(askedAt).toHaveLength(10);
    // Timers of 50 ms may be a millisecond early.
    expect((askedAt.at(-1) ?? 0) - (askedAt[0] ?? 0)).toBeGreaterThan(9 * 49);
  });
});

describe('a look at many that sleep', () => {
  it('asks about those that are overdue at once, and about idle ones when it has come to them', async () => {
    const { db } = hookline.database;
    await db.execute(sql`
      insert into journeys (id, campaign_id, version, person_key, cause, state, step_id, step_until, updated_at, checked_at)
      select 'jrn_z' || lpad(n::text, 5, '0'), 'tour', 1, 'per_ada', 'event/' || n, 'waiting', 'pay',
        case when n = 4500 then now() - interval '2 d' else now() + interval '30 d' end,
        now() - interval '3 d', case when n not in (1500, 2500, 4500) then now() end
      from generate_series(1, 4501) as n`);
    const { look, asked } = watch('same');
    const askedOf = async () => {
      asked.length = 0;
      expect(await look()).toBe(0);
      return asked.toSorted();
    };
    expect(await askedOf()).toEqual(['journey/jrn_z01500/1', 'journey/jrn_z04500/1']);
    expect(await askedOf()).toEqual(['journey/jrn_z02500/1']);
    expect(await askedOf()).toEqual([]);
    await db.execute(sql`delete from commands`);
    await db.execute(
      sql`update journeys set updated_at = now() - interval '3 d', checked_at = null where id = 'jrn_z01500'`,
    );
    expect(await askedOf()).toEqual(['journey/jrn_z01500/2']);
  });

  it('begins anywhere among them, and comes to those before when it has come to the end', async () => {
    const { db } = hookline.database;
    const [first = 0, last = 0] = [10, 5].map((days) => Date.now() - days * DAY_MS);
    for (const began of [first, last])
      await db.execute(sql`
        insert into journeys (id, campaign_id, version, person_key, cause, state, step_id, created_at, updated_at)
        values (${placeAt('jrn', began)}, 'tour', 1, 'per_ada', ${`event/${began}`}, 'waiting', 'pay',
          to_timestamp(${began / 1_000}::float8), to_timestamp(${began / 1_000}::float8))`);
    const { look, asked } = watch('same', { random: () => 0.5 });
    await look();
    expect(asked).toEqual([`journey/${placeAt('jrn', last)}/1`]);
    await look();
    expect(asked).toEqual([last, first].map((began) => `journey/${placeAt('jrn', began)}/1`));
  });
});

describe('a delivery with a workflow of its own', () => {
  it('is started again where that is gone: one that cannot be woken, too, whose wake-up goes', async () => {
    const { db } = hookline.database;
    const rows = oldRows(db, new Date());
    const id = await rows.delivery('own', { made: 1, changed: 0, state: 'approved' });
    const wake = { type: 'wake', subject: id } as const;
    await db.insert(commands).values({ workflowId: `delivery/${id}`, command: wake, error: 'not found' });
    await watch('same').look();
    expect(await db.select().from(commands)).toMatchObject([
      { command: { type: 'startDelivery', delivery: id }, lane: 0 },
    ]);
    const { look, asked } = watch('same');
    await look();
    expect(asked).toEqual([]);
  });

  it('fails where that was closed by hand, and says so', async () => {
    const { db } = hookline.database;
    const rows = oldRows(db, new Date());
    const due = new Date(Date.now() - 1_000);
    const once = await rows.delivery('once', { made: 1, changed: 0, state: 'attempted', nextAttemptAt: due });
    const again = await rows.delivery('again', { made: 1, changed: 0, state: 'failed' });
    await rows.resend(again);
    const { taskQueue, client } = hookline;
    for (const workflowId of [`delivery/${once}`, `resend/att_${again}`]) {
      const handle = await client.workflow.start('delivery', { workflowId, taskQueue });
      await handle.terminate();
    }
    await watch('same').look();
    const shown = await hookline.api('GET', `/v1/deliveries/${once}`);
    expect(shown.body).toMatchObject({
      state: 'failed',
      error: { code: 'workflow_closed', message: expect.stringMatching(/^Its workflow was terminated in Temporal/) },
    });
    const resent = await hookline.api('GET', `/v1/deliveries/${again}`);
    expect(resent.body).toMatchObject({ state: 'failed', resends: [{ endedAt: expect.any(String) }] });
    expect((await hookline.api('POST', `/v1/deliveries/${once}/resend`)).status).toBe(200);
  });

  it('is left alone while its campaign is paused, or it stands in line', async () => {
    const { db } = hookline.database;
    const rows = oldRows(db, new Date());
    const paused = await rows.delivery('paused', { made: 1, changed: 0, state: 'approved' });
    const parked = await rows.delivery('parked', { made: 1, changed: 0, state: 'approved' });
    await db.execute(sql`
      insert into paused_deliveries (delivery_id, campaign_id, workflow_id, since)
      values (${paused}, 'tour', ${`delivery/${paused}`}, now())`);
    await db.execute(sql`
      insert into parked (delivery_id, destination, workflow_id, reason, since)
      values (${parked}, 'https://a.example', ${`delivery/${parked}`}, 'slot', now())`);
    const { look, asked } = watch('same');
    await look();
    expect(asked).toEqual([]);
  });
});
