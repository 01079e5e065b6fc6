import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../db/schema/journeys.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
/** Starts workflows that nobody runs. */
let crowded: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, crowded, receiver] = await Promise.all([
    startHookline(),
    startHookline({ relays: 2, worker: false }),
    startReceiver(),
  ]);
});
afterAll(async () => {
  await hookline.stop();
  await crowded.stop();
  await receiver.close();
});

const steps = [{ type: 'delay', for: '1h' }];

async function makePeople(target: Hookline, ids: string[]) {
  await target.api(
    'POST',
    '/v1/events',
    ids.map((person) => ({ person, name: 'appeared' })),
  );
}

describe('a manual trigger', () => {
  it('hands its data to the templates of every journey', async () => {
    await makePeople(hookline, ['ada', 'eve']);
    await hookline.publish('greeting', {
      trigger: { type: 'manual' },
      steps: [
        {
          type: 'webhook',
          id: 'greet',
          url: receiver.url('/greet'),
          body: { json: { to: '{{ customer.id }}', code: '{{ trigger.code }}', seats: '{{ trigger.party.seats }}' } },
        },
      ],
    });
    await hookline.api('POST', '/v1/campaigns/greeting/trigger', {
      people: ['ada', 'eve'],
      data: { code: 'SPRING', party: { seats: 4 } },
    });
    for (const person of ['ada', 'eve']) expect(await hookline.ended(person)).toMatchObject({ state: 'completed' });
    const bodies = receiver.requests.map((request) => JSON.parse(request.body.toString()) as { to: string });
    expect(bodies.toSorted((a, b) => a.to.localeCompare(b.to))).toEqual([
      { to: 'ada', code: 'SPRING', seats: 4 },
      { to: 'eve', code: 'SPRING', seats: 4 },
    ]);
  });

  it('enters nobody where one of the people is not known', async () => {
    await makePeople(hookline, ['kim']);
    await hookline.publish('all-or-none', { trigger: { type: 'manual' }, steps });
    const answer = await hookline.api('POST', '/v1/campaigns/all-or-none/trigger', { people: ['kim', 'nobody'] });
    expect(answer).toMatchObject({ status: 422, body: { code: 'input.invalid', errors: [{ path: 'people[1]' }] } });
    expect((await hookline.api('GET', '/v1/journeys?campaign=all-or-none')).body).toMatchObject({ data: [] });
  });

  it('enters each of 250 people once, also when it is repeated under its id', async () => {
    const people = Array.from({ length: 250 }, (_, index) => `guest-${index}`);
    await makePeople(crowded, people);
    await crowded.publish('invitation', { trigger: { type: 'manual' }, steps });

    const body = { id: 'spring', people: [...people, ...people.slice(0, 7)], data: { code: 'SPRING' } };
    const answers = await Promise.all(
      [1, 2, 3].map(() => crowded.api<{ broadcast: { id: string } }>('POST', '/v1/campaigns/invitation/trigger', body)),
    );
    expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202]);
    const ids = new Set(answers.map((answer) => answer.body.broadcast.id));
    expect(ids.size).toBe(1);

    const progress = await eventually(async () => {
      const answer = await crowded.api<{ entered: number }>('GET', `/v1/broadcasts/${[...ids][0]}`);
      return answer.body.entered >= 250 && answer.body;
    }, 45_000);
    expect(progress).toMatchObject({ campaign: 'invitation', version: 1, selected: 250, entered: 250, refused: {} });
    await eventually(async () => (await crowded.database.db.select().from(commands)).length === 0, 45_000);
    const campaign = await crowded.api('GET', '/v1/campaigns/invitation');
    expect(campaign.body).toMatchObject({ inside: { 1: 250 } });

    const other = await crowded.api('POST', '/v1/campaigns/invitation/trigger', { ...body, data: { code: 'FALL' } });
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency.mismatch' } });
  }, 90_000);
});
