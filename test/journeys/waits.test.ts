import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond, type Behaviour } from '../support/behaviours.ts';
import { eventually } from '../support/eventually.ts';
import type { JourneyBody } from '../support/client.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { startReceiver, type Receiver } from '../support/receiver.ts';

let hookline: Hookline;
let receiver: Receiver;

beforeAll(async () => {
  [hookline, receiver] = await Promise.all([startHookline({ relays: 2 }), startReceiver()]);
});

afterAll(async () => {
  await hookline.stop();
  await receiver.close();
});

type Line = { step: string | null; what: string; [field: string]: unknown };
type Journey = JourneyBody & {
  reason: string | null;
  log: Line[];
  step: { id: string; type: string; until: string | null; waitsFor: string } | null;
};

const post = (person: string, name: string, more: object = {}) =>
  hookline.api<{ ids: string[] }>('POST', '/v1/events', { person, name, ...more });
const journeysOf = async (person: string) => {
  const { body } = await hookline.api<{ data: { id: string }[] }>('GET', `/v1/journeys?person=${person}`);
  return Promise.all(body.data.map(async ({ id }) => (await hookline.api<Journey>('GET', `/v1/journeys/${id}`)).body));
};
/** The person's journeys, once so many of them stand at a step in that state. */
const standing = (person: string, state: string, count = 1) =>
  eventually(async () => {
    const found = (await journeysOf(person)).filter((journey) => journey.state === state);
    return found.length === count && found;
  });
const ended = async (person: string) => (await hookline.ended(person)) as Journey;
const brief = ({ log }: Journey) => log.map(({ step, what }) => `${step} ${what}`);

const waiting = (fields: object, more: object = {}) => ({
  trigger: { type: 'event', event: 'began' },
  steps: [{ type: 'wait', id: 'pay', ...fields }],
  ...more,
});
const exit = (reason: string) => [{ type: 'exit', reason }];

/** Publishes a campaign of its own, which begins with the event of its name. */
async function publish(campaign: string, steps: object[]) {
  await hookline.publish(campaign, { trigger: { type: 'event', event: campaign }, steps });
}

describe('a wait for an event', () => {
  it('ends with the next one whose data is right, whose data later steps read', async () => {
    receiver.on('/thanks', respond({ json: {} }));
    await publish('order', [
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
    await post('ada', 'paid', { data: { amount: 99 } });
    await post('ada', 'order', { data: { by: 'web' } });
    await standing('ada', 'waiting');
    await post('ada', 'paid', { data: { amount: 5 } });
    const [id] = (await post('ada', 'paid', { data: { amount: 20 } })).body.ids;

    const journey = await ended('ada');
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
    await publish('asked', [{ type: 'wait', id: 'answer', event: 'answered', timeout: '2h' }]);
    await post('bob', 'asked');
    const [journey] = await standing('bob', 'waiting');
    expect(journey?.step).toMatchObject({ id: 'answer', type: 'wait', until: expect.any(String) });
    expect(journey?.step?.waitsFor).toBe(`the event answered until ${journey?.step?.until}`);
  });

  it('takes the other way when its time is over, and a late event changes nothing', async () => {
    await publish('hurried', [
      { type: 'wait', id: 'pay', event: 'paid', timeout: '1s', then: exit('paid'), onTimeout: exit('too late') },
    ]);
    await post('cleo', 'hurried');
    const journey = await ended('cleo');
    expect(journey.reason).toBe('too late');
    await post('cleo', 'paid');
    // Taken up after it.
    await post('cleo', 'order');
    await standing('cleo', 'waiting');
    expect((await journeysOf('cleo'))[0]).toEqual(journey);
  });

  it('is ended by one event in all journeys of the person', async () => {
    await publish('twice', [{ type: 'wait', id: 'pay', event: 'settled', then: exit('settled') }]);
    await post('dora', 'twice');
    await post('dora', 'twice');
    await standing('dora', 'waiting', 2);
    await post('dora', 'settled');
    const both = await standing('dora', 'exited', 2);
    expect(both.map(({ reason }) => reason)).toEqual(['settled', 'settled']);
  });

  it('is not ended by what comes as backfill, nor by what is long past', async () => {
    await publish('patient', [{ type: 'wait', id: 'pay', event: 'paid', timeout: '2s', onTimeout: exit('too late') }]);
    await post('eve', 'patient');
    await standing('eve', 'waiting');
    await post('eve', 'paid', { backfill: true });
    await post('eve', 'paid', { timestamp: new Date(Date.now() - 25 * 3_600_000).toISOString() });
    expect((await ended('eve')).reason).toBe('too late');
  });
});

describe('what a wait sees', () => {
  const calledBack =
    (person: string, moment: 'before' | 'after'): Behaviour =>
    (socket, request) => {
      const answer = () => respond({ json: {} })(socket, request);
      if (moment === 'after') answer();
      void post(person, 'called_back').then(() => moment === 'before' && answer());
    };

  it.each(['before', 'after'] as const)(
    'is what the receiver of the webhook before it caused, %s it answered',
    async (moment) => {
      const campaign = `call-${moment}`;
      await publish(campaign, [
        { type: 'webhook', id: 'ask', url: receiver.url(`/${campaign}`) },
        { type: 'wait', id: 'answer', event: 'called_back', timeout: '10s', onTimeout: exit('missed') },
      ]);
      const people = Array.from({ length: 10 }, (_, each) => `${campaign}-${each}`);
      receiver.on(`/${campaign}`, ...people.map((person) => calledBack(person, moment)));
      for (const person of people) {
        await post(person, campaign);
        expect((await ended(person)).state).toBe('completed');
      }
    },
  );

  it('is not what came before the webhook was sent', async () => {
    receiver.on('/ask', respond({ json: {} }));
    await publish('fresh', [
      { type: 'webhook', id: 'ask', url: receiver.url('/ask') },
      { type: 'wait', id: 'answer', event: 'called_back', timeout: '1s', onTimeout: exit('missed') },
    ]);
    await post('gus', 'called_back');
    await post('gus', 'fresh');
    expect((await ended('gus')).reason).toBe('missed');
  });

  it('is with `since: entry` also what came while earlier steps ran', async () => {
    await publish('early', [
      { type: 'delay', for: '1s' },
      { type: 'wait', id: 'fresh', event: 'clicked', timeout: '1s' },
      { type: 'wait', id: 'ever', event: 'clicked', since: 'entry', timeout: '1h', then: exit('seen') },
    ]);
    await post('hal', 'early');
    await standing('hal', 'delayed');
    await post('hal', 'clicked');
    const journey = await ended('hal');
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
    await publish('steps', [
      { type: 'wait', id: 'first', event: 'step' },
      { type: 'wait', id: 'second', event: 'step', timeout: '1h', then: exit('both') },
    ]);
    await post('ian', 'steps');
    await standing('ian', 'waiting');
    const sent = [await post('ian', 'step', { data: { n: 1 } }), await post('ian', 'step', { data: { n: 2 } })];
    const journey = await ended('ian');
    expect(journey.log.filter(({ what }) => what === 'received').map(({ event }) => event)).toEqual(
      sent.map(({ body }) => body.ids[0]),
    );
  });
});

describe('a wait until a condition holds', () => {
  it('ends at once where it holds already, and otherwise with the change that makes it hold', async () => {
    await publish('ready', [
      { type: 'wait', id: 'plan', until: { 'customer.plan': 'gold' }, timeout: '1h', then: exit('gold') },
    ]);
    await hookline.api('PUT', '/v1/people/jan', { attributes: { plan: 'gold' } });
    await post('jan', 'ready');
    expect(brief(await ended('jan'))).toEqual([
      'plan waiting',
      'plan fulfilled',
      'step-1-then-step-1 exited',
      'null exited',
    ]);
    await post('kim', 'ready');
    await standing('kim', 'waiting');
    await hookline.api('PUT', '/v1/people/kim', { attributes: { plan: 'silver' } });
    await hookline.api('PUT', '/v1/people/kim', { attributes: { plan: 'gold' } });
    const journey = await ended('kim');
    expect(journey.log[1]).toMatchObject({ what: 'fulfilled', values: { 'customer.plan': 'gold' } });
  });

  it('counts events, the one at hand too', async () => {
    await publish('loyal', [
      { type: 'wait', id: 'three', until: { performed: { event: 'bought', count: { gte: 3 } } }, then: exit('three') },
    ]);
    await post('lea', 'bought');
    await post('lea', 'loyal');
    await standing('lea', 'waiting');
    await post('lea', 'bought');
    await post('lea', 'bought');
    expect((await ended('lea')).log[1]).toMatchObject({ what: 'fulfilled', values: { 'performed bought': 3 } });
  });
});

describe('a delay until the person’s own moment', () => {
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  const rest = (until: object) => [{ type: 'delay', id: 'rest', until }, ...exit('rested')];

  it('goes on at once where there is none, or it is past, and says so', async () => {
    await publish('renewal', rest({ attribute: 'renewal_date', offset: '-3d' }));
    await hookline.api('PUT', '/v1/people/mia', { attributes: { renewal_date: '2020-01-10' } });
    await post('mia', 'renewal');
    expect((await ended('mia')).log[0]).toMatchObject({
      what: 'delayed',
      until: '2020-01-07T00:00:00.000Z',
      note: 'it is past: it goes on at once',
    });
    await post('ned', 'renewal');
    expect((await ended('ned')).log[0]).toMatchObject({
      what: 'delayed',
      until: null,
      note: 'the person has no such date: it goes on at once',
    });
  });

  it('moves with the attribute, later and earlier', async () => {
    await publish('moved', rest({ attribute: 'due' }));
    await hookline.api('PUT', '/v1/people/oda', { attributes: { due: inSeconds(3600) } });
    await post('oda', 'moved');
    const [at] = await standing('oda', 'waiting');
    const due = inSeconds(7200);
    await hookline.api('PUT', '/v1/people/oda', { attributes: { due } });
    await eventually(async () => (await journeysOf('oda'))[0]?.step?.until === due);
    expect(at?.step?.until).not.toBe(due);
    const soon = inSeconds(1);
    await hookline.api('PUT', '/v1/people/oda', { attributes: { due: soon } });
    const journey = await ended('oda');
    expect(journey.reason).toBe('rested');
    expect(journey.log.find(({ what }) => what === 'elapsed')).toMatchObject({ deadline: soon });
  });

  it('ends when the attribute goes', async () => {
    await publish('gone', rest({ attribute: 'due' }));
    await hookline.api('PUT', '/v1/people/pia', { attributes: { due: inSeconds(3600) } });
    await post('pia', 'gone');
    await standing('pia', 'waiting');
    await hookline.api('PUT', '/v1/people/pia', { attributes: { due: null } });
    expect((await ended('pia')).reason).toBe('rested');
  });

  it('moves with the zone of somebody who moves', async () => {
    await publish('breakfast', rest({ time: '08:00', timezone: 'person' }));
    await hookline.api('PUT', '/v1/people/quin', { attributes: { timezone: 'Europe/Paris' } });
    await post('quin', 'breakfast');
    const [inParis] = await standing('quin', 'waiting');
    await hookline.api('PUT', '/v1/people/quin', { attributes: { timezone: 'Pacific/Apia' } });
    const moved = await eventually(async () => {
      const [journey] = await journeysOf('quin');
      return journey?.step?.until !== inParis?.step?.until && journey;
    });
    const clock = (until: string | null | undefined, timeZone: string) =>
      new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' }).format(
        Date.parse(until ?? ''),
      );
    expect(clock(inParis?.step?.until, 'Europe/Paris')).toBe('08:00');
    expect(clock(moved.step?.until, 'Pacific/Apia')).toBe('08:00');
  });
});

it('an exit ends a wait, and its event changes nothing any more', async () => {
  await hookline.publish('left', waiting({ event: 'paid' }, { trigger: { type: 'event', event: 'left' } }));
  await post('rob', 'left');
  const [journey] = await standing('rob', 'waiting');
  await hookline.api('POST', `/v1/journeys/${journey?.id}/exit`, { reason: 'enough' });
  await post('rob', 'paid');
  expect(brief(await ended('rob'))).toEqual(['pay waiting', 'null exited']);
});
