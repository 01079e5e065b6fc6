import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcomes } from '../../db/schema/campaigns.ts';
import { inbox, waiting } from '../../db/schema/people.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false });
});
afterAll(() => hookline.stop());

const steps = [{ type: 'delay', for: '1h' }];
const crowd = Array.from({ length: 300 }, (_, index) => `broken-${index}`);

describe('people who cannot be matched', () => {
  it('do not keep others waiting, neither with events nor with broadcasts, and are matched when they can be', async () => {
    const { db } = hookline.database;
    await hookline.publish('faulty', { trigger: { type: 'event', event: 'fell' }, steps });
    await hookline.publish('greeting', { trigger: { type: 'manual' }, steps });
    await hookline.api('PUT', '/v1/people/guest', {});
    const setVersion = (version: number) =>
      db.execute(sql`update campaigns set version = ${version}::int where id = 'faulty'`);
    await setVersion(99);
    await hookline.api(
      'POST',
      '/v1/events',
      crowd.map((person) => ({ person, name: 'fell' })),
    );
    await hookline.api('POST', '/v1/campaigns/greeting/trigger', { people: ['guest'] });
    await hookline.api('POST', '/v1/events', { person: 'passer-by', name: 'passed' });

    const waitingFor = async () => (await db.select().from(inbox)).length;
    await eventually(async () => (await waitingFor()) === crowd.length, 60_000);
    await setVersion(1);
    // A relay that still knows the wrong version may put somebody off once more.
    await eventually(async () => {
      await db.update(waiting).set({ dueAt: new Date() });
      return (await waitingFor()) === 0;
    }, 60_000);
    const entered = await db.select().from(outcomes).where(eq(outcomes.campaignId, 'faulty'));
    expect(entered.map(({ outcome, version }) => ({ outcome, version }))).toEqual(
      crowd.map(() => ({ outcome: 'entered', version: 1 })),
    );
  }, 90_000);
});
