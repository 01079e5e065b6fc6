import { describe, expect, it } from 'vitest';
import { validateCampaign } from '../../../domain/campaign/campaign.ts';
import { compileCampaign } from '../../../domain/campaign/compiled-campaign.ts';
import { NO_FACTS } from '../../../domain/condition/facts.ts';
import { HooklineError } from '../../../domain/errors.ts';
import { simulate } from '../../../domain/journey/simulate.ts';
import { SIMULATED, type SimulatedAnswer, type Simulation } from '../../../domain/journey/simulation.ts';

const NOW = new Date('2026-03-01T00:00:00Z');

function walk(steps: object[], more: Partial<Simulation> = {}) {
  const { campaign, plan } = validateCampaign({ id: 'try', trigger: { type: 'manual' }, steps });
  return simulate({
    compiled: compileCampaign(campaign),
    plan,
    person: { id: 'ada', attributes: {} },
    secrets: {},
    answers: {},
    rules: { allowHttp: false, allowNetworks: [] },
    facts: NO_FACTS,
    activity: async () => [],
    events: [],
    now: NOW,
    changed: ({ attributes }, changes) => ({ ...attributes, ...changes }),
    atBoundary: async () => {},
    ...more,
  });
}

const tell = (more: object = {}) => ({ type: 'webhook', id: 'tell', url: 'https://example.com/', ...more });
const answered = (status: number, body = '{}'): Record<string, SimulatedAnswer> => ({
  tell: { status, headers: {}, body },
});
const brief = ({ log }: Awaited<ReturnType<typeof simulate>>) => log.map(({ step, what }) => `${step} ${what}`);

describe('the time of a simulation', () => {
  it('passes with delays only, all at once', async () => {
    const journey = await walk([{ type: 'delay', for: '3650d' }, tell(), { type: 'delay', for: '1d' }]);
    expect(journey.log.map(({ at, what }) => `${at.toISOString()} ${what}`)).toEqual([
      '2026-03-01T00:00:00.000Z delayed',
      '2036-02-27T00:00:00.000Z rendered',
      '2036-02-27T00:00:00.000Z sent',
      '2036-02-27T00:00:00.000Z delayed',
      '2036-02-28T00:00:00.000Z completed',
    ]);
    expect(journey.endedAt.toISOString()).toBe('2036-02-28T00:00:00.000Z');
  });

  it('is what templates and conditions take for now', async () => {
    const journey = await walk(
      [
        { type: 'delay', for: '2d' },
        { type: 'update', attributes: { day: "{{ now | date: '%d' }}" } },
        {
          type: 'branch',
          id: 'late',
          cases: [{ when: { 'customer.since': { before: '-1d' } }, steps: [{ type: 'exit', reason: 'late' }] }],
        },
      ],
      { person: { id: 'ada', attributes: { since: '2026-03-01T12:00:00Z' } } },
    );
    expect(journey).toMatchObject({ state: 'exited', reason: 'late', person: { attributes: { day: '03' } } });
  });
});

describe('a wait', () => {
  const at = (seconds: number, name: string, data = {}) => ({
    id: SIMULATED.eventNumber(seconds),
    name,
    data,
    timestamp: new Date(NOW.getTime() + seconds * 1000),
  });
  const pay = {
    type: 'wait',
    id: 'pay',
    event: 'paid',
    where: { 'event.amount': { gt: 1 } },
    timeout: '1h',
    onTimeout: [{ type: 'exit', reason: 'never paid' }],
  };

  it('ends with the first of the given events that is the right one, at its time', async () => {
    const journey = await walk([pay, { type: 'update', attributes: { paid: '{{ events.pay.amount }}' } }], {
      events: [at(10, 'paid', { amount: 1 }), at(20, 'paid', { amount: 2 }), at(30, 'paid', { amount: 3 })],
    });
    expect(journey.log.map(({ at: time, what }) => `${time.toISOString().slice(11, 19)} ${what}`)).toEqual([
      '00:00:00 waiting',
      '00:00:20 received',
      '00:00:20 updated',
      '00:00:20 completed',
    ]);
    expect(journey.person.attributes).toEqual({ paid: 2 });
  });

  it('goes by its timeout where none is', async () => {
    const journey = await walk([pay], { events: [at(7200, 'paid', { amount: 2 })] });
    expect(journey).toMatchObject({ state: 'exited', reason: 'never paid' });
    expect(journey.endedAt.getTime() - NOW.getTime()).toBe(3_600_000);
  });

  it('without a timeout, and without the event, is where the walk stops', async () => {
    const journey = await walk([{ type: 'wait', id: 'pay', event: 'paid' }, tell()]);
    expect(journey).toMatchObject({ state: 'waiting', reason: 'step pay waits for ever' });
    expect(brief(journey)).toEqual(['pay waiting', 'null waiting']);
  });

  it('until a condition holds is fulfilled by an event, or by time alone', async () => {
    const twice = { type: 'wait', id: 'twice', until: { performed: { event: 'bought', count: { gte: 2 } } } };
    const bought = await walk([twice], { events: [at(5, 'bought'), at(9, 'bought')] });
    expect(bought.endedAt.getTime() - NOW.getTime()).toBe(9_000);
    const nine = { type: 'wait', id: 'nine', until: { now: { from: '09:00', to: '10:00' } } };
    expect((await walk([nine])).endedAt.toISOString()).toBe('2026-03-01T09:00:00.000Z');
  });

  it('until a condition holds says what that saw where its time is over, and holds at the very end of it', async () => {
    const twice = {
      type: 'wait',
      id: 'twice',
      until: { performed: { event: 'bought', count: { gte: 2 } } },
      timeout: '1h',
    };
    const { log } = await walk([twice], { events: [at(5, 'bought'), at(3601, 'bought')] });
    const details = { deadline: '2026-03-01T01:00:00.000Z', values: { 'performed bought': 1 } };
    expect(log[1]).toMatchObject({ what: 'timedOut', details });
    const nine = { type: 'wait', id: 'nine', until: { now: { from: '09:00', to: '10:00' } }, timeout: '9h' };
    expect((await walk([nine])).log).toContainEqual(expect.objectContaining({ what: 'fulfilled' }));
  });

  it('sees what came since the entry only where it says so', async () => {
    const late = [
      { type: 'delay', for: '1m' },
      { ...pay, where: undefined },
    ];
    const events = [at(30, 'paid')];
    expect((await walk(late, { events })).reason).toBe('never paid');
    expect((await walk([late[0] ?? {}, { ...late[1], since: 'entry' }], { events })).state).toBe('completed');
  });
});

describe('an answer that is no success', () => {
  it('fails at once where it is rejected', async () => {
    const journey = await walk([tell({ response: { attributes: { a: '1' } } })], { answers: answered(404) });
    const error = { code: 'client_error', message: 'the receiver answered 404' };
    expect(journey.log[1]).toMatchObject({ what: 'failed', details: { error, attempts: 1 } });
    expect(journey.deliveries).toMatchObject([
      { state: 'failed', error, answer: { status: 404, class: 'rejected' }, mapping: { state: 'none' } },
    ]);
    expect(journey).toMatchObject({ state: 'completed', person: { attributes: {} } });
  });

  it('counts as the last one where it would be tried again, and says so', async () => {
    const journey = await walk([tell()], { answers: answered(503) });
    expect(journey.log[1]).toEqual({
      at: NOW,
      step: 'tell',
      what: 'failed',
      details: {
        delivery: journey.deliveries[0]?.id,
        error: { code: 'server_error', message: 'the receiver answered 503' },
        note: 'up to 10 retries are taken to have failed too, and no time for them passes',
      },
    });
    const single = await walk([tell({ retry: { times: 0 } })], { answers: answered(503) });
    expect(single.log[1]?.details).toMatchObject({ attempts: 1 });
  });

  it.each([404, 503])('ends the journey with onFailure: exit, as %i does', async (status) => {
    const journey = await walk([tell({ onFailure: 'exit' }), { type: 'exit' }], { answers: answered(status) });
    expect(journey).toMatchObject({ state: 'exited', reason: 'webhook tell failed' });
    expect(brief(journey)).toEqual(['tell rendered', 'tell failed', 'null exited']);
  });

  it('does not count where the request may not go', async () => {
    const steps = [tell({ url: 'https://{{ customer.host }}/', allowHosts: ['127.0.0.1'] })];
    const journey = await walk(steps, { person: { id: 'ada', attributes: { host: '127.0.0.1' } } });
    expect(journey.deliveries).toMatchObject([{ state: 'failed', answer: null, error: { code: 'delivery.blocked' } }]);
  });
});

describe('an answer that is a success', () => {
  it.each([
    ['{"id": 7}', { state: 'applied', attributes: { number: 7 } }],
    ['{}', { state: 'applied', attributes: {}, absent: ['number'] }],
    ['not JSON', { state: 'failed', error: { code: 'mapping.failed' } }],
  ])('is mapped as a real one: %s', async (body, mapping) => {
    const steps = [tell({ response: { attributes: { number: '{{ response.id }}' } } })];
    const journey = await walk(steps, { answers: answered(200, body) });
    expect(journey.deliveries).toMatchObject([{ state: 'sent', mapping }]);
  });

  it('leaves the person as they were where they would become too large', async () => {
    const refuse = () => {
      throw new HooklineError('people.too_large', 'too much');
    };
    const steps = [tell({ response: { attributes: { number: '1' } } })];
    const journey = await walk(steps, { changed: refuse });
    expect(journey).toMatchObject({
      state: 'completed',
      person: { attributes: {} },
      deliveries: [{ mapping: { state: 'failed', error: { code: 'people.too_large' } } }],
    });
  });

  it('is there for later steps, with the person that it made', async () => {
    const journey = await walk(
      [
        tell({ response: { attributes: { lead: '{{ response.id }}' } } }),
        tell({ id: 'next', url: 'https://example.com/{{ responses.tell.id }}/{{ customer.lead }}/{{ journey.id }}' }),
      ],
      { answers: answered(201, '{"id": 7}') },
    );
    expect(journey.deliveries[1]?.request?.url).toBe(
      'https://example.com/7/7/jrn_00000000-0000-7000-8000-000000000000',
    );
  });
});

describe('a walk', () => {
  it('can be given up between steps', async () => {
    let passed = 0;
    const atBoundary = async () => {
      passed += 1;
      if (passed > 1) throw new HooklineError('render.too_large', 'enough');
    };
    await expect(walk([tell(), { type: 'exit' }], { atBoundary })).rejects.toThrow('enough');
  });
});
