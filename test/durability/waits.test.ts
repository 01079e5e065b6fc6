import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { brief, exit, journeysIn } from '../support/journeys.ts';
import { prepareProcesses, type Processes } from '../support/processes.ts';

let database: TestDatabase;
let hookline: Processes;

beforeAll(async () => {
  database = await createTestDatabase();
  hookline = await prepareProcesses({ databaseUrl: database.url });
});

afterAll(async () => {
  await hookline.stop();
  await database.close();
});

it('what a person does while every worker is dead ends the waits for it, and moves the times that follow from it', async () => {
  const journeys = journeysIn(hookline);
  const server = hookline.startServer();
  const first = hookline.startWorker();
  await Promise.all([server.ready, first.ready]);
  await journeys.publish('order', [
    { type: 'wait', id: 'pay', event: 'paid', timeout: '1h', then: exit('paid'), onTimeout: exit('too late') },
  ]);
  await journeys.publish('hurried', [
    { type: 'wait', id: 'pay', event: 'paid', timeout: '6s', then: exit('paid'), onTimeout: exit('too late') },
  ]);
  await journeys.publish('gold', [
    { type: 'wait', id: 'gold', until: { 'customer.plan': 'gold' }, then: exit('gold') },
  ]);
  await journeys.publish('renewal', [{ type: 'delay', id: 'date', until: { attribute: 'due' } }, ...exit('due')]);
  await journeys.publish('slept', [
    { type: 'delay', for: '6s' },
    { type: 'wait', id: 'click', event: 'clicked', then: exit('clicked') },
  ]);
  await hookline.api('PUT', '/v1/people/cleo', { attributes: { due: '2126-01-01' } });
  for (const [person, campaign, state] of [
    ['ada', 'order', 'waiting'],
    ['bea', 'gold', 'waiting'],
    ['cleo', 'renewal', 'delayed'],
    ['abe', 'hurried', 'waiting'],
    ['dan', 'slept', 'delayed'],
  ] as const) {
    await journeys.post(person, campaign);
    await journeys.standing(person, state);
  }
  await journeys.post('dan', 'clicked');
  await first.kill();

  await journeys.post('ada', 'paid');
  await hookline.api('PUT', '/v1/people/bea', { attributes: { plan: 'gold' } });
  await hookline.api('PUT', '/v1/people/cleo', { attributes: { due: '2026-01-01' } });
  const [abe] = await journeys.of('abe');
  const [dan] = await journeys.of('dan');
  const untilMs = Math.max(...[abe, dan].map((journey) => Date.parse(journey?.step?.until ?? ''))) - Date.now();
  // The deadlines pass while nobody looks; what came before counts all the same, and behind a delay only what came after.
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, untilMs) + 100));
  await journeys.post('abe', 'paid');
  const clicked = await journeys.post('dan', 'clicked');
  const second = hookline.startWorker();
  await second.ready;

  const ended = async (person: string) => (await hookline.ended(person, 40_000)) && (await journeys.of(person))[0];
  expect((await ended('ada'))?.reason).toBe('paid');
  expect((await ended('abe'))?.reason).toBe('too late');
  expect((await ended('bea'))?.reason).toBe('gold');
  expect((await ended('dan'))?.log).toContainEqual(
    expect.objectContaining({ step: 'click', what: 'received', event: clicked.body.ids[0] }),
  );
  const cleo = await ended('cleo');
  expect(cleo && brief(cleo)).toEqual(['date delayed', 'date moved', 'date elapsed', 'step-2 exited', 'null exited']);
}, 90_000);
