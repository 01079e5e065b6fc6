import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond, type Behaviour } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { brief, exit, journeysIn } from '../support/journeys.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;
let journeys: ReturnType<typeof journeysIn>;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ relays: 2 }), startReceiver()]);
  journeys = journeysIn(hookline);
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

describe('a wait for an event', () => {
  it('ends with the next one whose data is right, whose data later steps read', async () => {
    receiver.on('/thanks', respond({ json: {} }));
    await journeys.publish('order', [
      {
        type: 'wait',
        id: 'payment',
        event: 'paid',
        where: { 'event.amount': { gte: 10 } },
        timeout: '1h',
        onTimeout: exit('never paid'),
      },
      {
        type: 'webhook',
        id: 'thank',
        url: receiver.url('/thanks?amount={{ events.payment.amount }}&by={{ event.by }}'),
      },
    ]);
    await journeys.post('ada', 'paid', { data: { amount: 99 } });
    await journeys.post('ada', 'order', { data: { by: 'web' } });
    await journeys.standing('ada', 'waiting');
    await journeys.post('ada', 'paid', { data: { amount: 5 } });
    const [id] = (await journeys.post('ada', 'paid', { data: { amount: 20 } })).body.ids;

    const journey = await journeys.ended('ada');
    expect(brief(journey)).toEqual([
      'payment waiting',
      'payment received',
      'thank rendered',
      'thank sent',
      'null completed',
    ]);
    expect(journey.log[1]).toMatchObject({ event: id, name: 'paid', values: { 'event.amount': 20 } });
    expect(receiver.requests.map(({ url }) => url)).toContain('/thanks?amount=20&by=web');
  });

  it('says what it waits for, since when and until when', async () => {
    await journeys.publish('asked', [{ type: 'wait', id: 'answer', event: 'answered', timeout: '2h' }]);
    await journeys.post('bob', 'asked');
    const [journey] = await journeys.standing('bob', 'waiting');
    expect(journey?.step).toMatchObject({ id: 'answer', type: 'wait', until: expect.any(String) });
    expect(journey?.step?.waitsFor).toBe(`the event answered until ${journey?.step?.until}`);
  });

  it('takes the other way when its time is over, and a late event changes nothing', async () => {
    await journeys.publish('hurried', [
      { type: 'wait', id: 'pay', event: 'paid', timeout: '1s', then: exit('paid'), onTimeout: exit('too late') },
    ]);
    await journeys.post('cleo', 'hurried');
    const journey = await journeys.ended('cleo');
    expect(journey.reason).toBe('too late');
    await journeys.post('cleo', 'paid');
    // Taken up after it.
    await journeys.post('cleo', 'order');
    await journeys.standing('cleo', 'waiting');
    expect((await journeys.of('cleo'))[0]).toEqual(journey);
  });

  it('is ended by one event in all journeys of the person', async () => {
    await journeys.publish('twice', [{ type: 'wait', id: 'pay', event: 'settled', then: exit('settled') }]);
    await journeys.post('dora', 'twice');
    await journeys.post('dora', 'twice');
    await journeys.standing('dora', 'waiting', 2);
    await journeys.post('dora', 'settled');
    const both = await journeys.standing('dora', 'exited', 2);
    expect(both.map(({ reason }) => reason)).toEqual(['settled', 'settled']);
  });

  it('is not ended by what comes as backfill, nor by what is long past', async () => {
    await journeys.publish('patient', [
      { type: 'wait', id: 'pay', event: 'paid', timeout: '5s', onTimeout: exit('too late') },
    ]);
    await journeys.post('eve', 'patient');
    await journeys.standing('eve', 'waiting');
    await journeys.post('eve', 'paid', { backfill: true });
    await journeys.post('eve', 'paid', { timestamp: new Date(Date.now() - 25 * 3_600_000).toISOString() });
    expect((await journeys.ended('eve')).reason).toBe('too late');
  });
});

describe('what a wait sees', () => {
  const calledBack =
    (person: string, moment: 'before' | 'after'): Behaviour =>
    (socket, request) => {
      const answer = () => respond({ json: {} })(socket, request);
      if (moment === 'after') answer();
      void journeys.post(person, 'called_back').then(() => moment === 'before' && answer());
    };

  it.each(['before', 'after'] as const)(
    'is what the receiver of the webhook before it caused, %s it answered',
    async (moment) => {
      const campaign = `call-${moment}`;
      await journeys.publish(campaign, [
        { type: 'webhook', id: 'ask', url: receiver.url(`/${campaign}`) },
        { type: 'wait', id: 'answer', event: 'called_back', timeout: '10s', onTimeout: exit('missed') },
      ]);
      const people = Array.from({ length: 10 }, (_, each) => `${campaign}-${each}`);
      receiver.on(`/${campaign}`, ...people.map((person) => calledBack(person, moment)));
      for (const person of people) {
        await journeys.post(person, campaign);
        expect((await journeys.ended(person)).state).toBe('completed');
      }
    },
    90_000,
  );

  it('is not what came before the webhook was sent', async () => {
    receiver.on('/ask', respond({ json: {} }));
    await journeys.publish('fresh', [
      { type: 'webhook', id: 'ask', url: receiver.url('/ask') },
      { type: 'wait', id: 'answer', event: 'called_back', timeout: '1s', onTimeout: exit('missed') },
    ]);
    await journeys.post('gus', 'called_back');
    await journeys.post('gus', 'fresh');
    expect((await journeys.ended('gus')).reason).toBe('missed');
  });

  it('is with `since: entry` also what came while earlier steps ran', async () => {
    await journeys.publish('early', [
      { type: 'delay', for: '4s' },
      { type: 'wait', id: 'fresh', event: 'clicked', timeout: '1s' },
      { type: 'wait', id: 'ever', event: 'clicked', since: 'entry', timeout: '1h', then: exit('seen') },
    ]);
    await journeys.post('hal', 'early');
    await journeys.standing('hal', 'delayed');
    await journeys.post('hal', 'clicked');
    const journey = await journeys.ended('hal');
    expect(journey.reason).toBe('seen');
    expect(brief(journey)).toEqual(
      [
        'step-1 delayed',
        'fresh waiting',
        'fresh timedOut',
        'ever waiting',
        'ever received',
        'ever-then-step-1 exited',
        'null exited',
      ].map((line) => line.replace('ever-then-step-1', 'step-3-then-step-1')),
    );
  });

  it('is after another wait what came after its event, each event once', async () => {
    await journeys.publish('steps', [
      { type: 'wait', id: 'first', event: 'step' },
      { type: 'wait', id: 'second', event: 'step', timeout: '1h', then: exit('both') },
    ]);
    await journeys.post('ian', 'steps');
    await journeys.standing('ian', 'waiting');
    const sent = [
      await journeys.post('ian', 'step', { data: { n: 1 } }),
      await journeys.post('ian', 'step', { data: { n: 2 } }),
    ];
    const journey = await journeys.ended('ian');
    expect(journey.log.filter(({ what }) => what === 'received').map(({ event }) => event)).toEqual(
      sent.map(({ body }) => body.ids[0]),
    );
  });
});

describe('a wait until a condition holds', () => {
  it('ends at once where it holds already, and otherwise with the change that makes it hold', async () => {
    await journeys.publish('ready', [
      { type: 'wait', id: 'plan', until: { 'customer.plan': 'gold' }, timeout: '1h', then: exit('gold') },
    ]);
    await hookline.api('PUT', '/v1/people/jan', { attributes: { plan: 'gold' } });
    await journeys.post('jan', 'ready');
    expect(brief(await journeys.ended('jan'))).toEqual([
      'plan waiting',
      'plan fulfilled',
      'step-1-then-step-1 exited',
      'null exited',
    ]);
    await journeys.post('kim', 'ready');
    await journeys.standing('kim', 'waiting');
    await hookline.api('PUT', '/v1/people/kim', { attributes: { plan: 'silver' } });
    await hookline.api('PUT', '/v1/people/kim', { attributes: { plan: 'gold' } });
    const journey = await journeys.ended('kim');
    expect(journey.log[1]).toMatchObject({ what: 'fulfilled', values: { 'customer.plan': 'gold' } });
  });

  it('counts events, the one at hand too', async () => {
    await journeys.publish('loyal', [
      { type: 'wait', id: 'three', until: { performed: { event: 'bought', count: { gte: 3 } } }, then: exit('three') },
    ]);
    await journeys.post('lea', 'bought');
    await journeys.post('lea', 'loyal');
    await journeys.standing('lea', 'waiting');
    await journeys.post('lea', 'bought');
    await journeys.post('lea', 'bought');
    expect((await journeys.ended('lea')).log[1]).toMatchObject({
      what: 'fulfilled',
      values: { 'performed bought': 3 },
    });
  });
});

it('an exit ends a wait, and its event changes nothing any more', async () => {
  await journeys.publish('left', [{ type: 'wait', id: 'pay', event: 'paid' }]);
  await journeys.post('rob', 'left');
  const [journey] = await journeys.standing('rob', 'waiting');
  await hookline.api('POST', `/v1/journeys/${journey?.id}/exit`, { reason: 'enough' });
  await journeys.post('rob', 'paid');
  expect(brief(await journeys.ended('rob'))).toEqual(['pay waiting', 'null exited']);
});

it('a wait beside 2,000 events of the same person leaves no trace of them in its workflow', async () => {
  await journeys.publish('flooded', [{ type: 'wait', id: 'one', event: 'pulse', where: { 'event.beat': 'last' } }]);
  await journeys.post('flo', 'flooded');
  const [journey] = await journeys.standing('flo', 'waiting');
  const workflow = hookline.client.workflow.getHandle(`journey/${journey?.id}/1`);
  const events = Array.from({ length: 1000 }, (_, beat) => ({
    person: 'flo',
    name: beat % 2 === 0 ? 'pulse' : 'other',
    data: { beat },
  }));
  for (let batch = 0; batch < 2; batch += 1) await hookline.api('POST', '/v1/events', events);
  await journeys.publish('behind', exit('all others were taken up'));
  await journeys.post('flo', 'behind');
  await eventually(async () => (await journeys.of('flo')).length === 2, 60_000);
  expect((await workflow.describe()).historyLength).toBeLessThan(20);
  await journeys.post('flo', 'pulse', { data: { beat: 'last' } });
  await eventually(async () => (await journeys.of('flo')).every(({ state }) => state !== 'waiting'));
}, 90_000);
