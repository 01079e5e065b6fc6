import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../domain/condition/condition.ts';
import { NO_FACTS } from '../../../domain/condition/facts.ts';
import { HooklineError } from '../../../domain/errors.ts';
import { compileSegment } from '../../../domain/segment/compiled-segment.ts';
import { answered, brief, eventAt, NOW, tell, walk } from '../../support/simulated.ts';

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

  it('passes with a delay that follows the person, and the log says so', async () => {
    const journey = await walk([{ type: 'delay', id: 'trial', until: { attribute: 'trial' } }], {
      person: { id: 'ada', attributes: { trial: '2026-03-04T00:00:00Z' } },
    });
    const deadline = '2026-03-04T00:00:00.000Z';
    expect(journey.log.slice(1)).toEqual([
      { at: new Date(deadline), step: 'trial', what: 'elapsed', details: { deadline } },
      { at: new Date(deadline), step: null, what: 'completed', details: {} },
    ]);
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

const HAS_CONVERTED = { converted: { campaign: 'other' } };

describe('a walk', () => {
  it('can be given up between steps', async () => {
    let passed = 0;
    const atBoundary = async () => {
      passed += 1;
      if (passed > 1) throw new HooklineError('render.too_large', 'enough');
    };
    await expect(walk([tell(), { type: 'exit' }], { atBoundary })).rejects.toThrow('enough');
  });

  it('judges each segment once, however many others ask for it', async () => {
    const conditions: Condition[] = [{ 'customer.plan': 'gold' }];
    for (let n = 1; n <= 40; n += 1) conditions.push({ and: [{ segment: `s${n - 1}` }, { segment: `s${n - 1}` }] });
    const segments = new Map(conditions.map((condition, n) => [`s${n}`, compileSegment(condition)]));
    const steps = [
      { type: 'branch', id: 'fork', cases: [{ when: { segment: 's40' }, steps: [{ type: 'exit', id: 'in' }] }] },
    ];
    const journey = await walk(steps, { segments, person: { id: 'ada', attributes: { plan: 'gold' } } });
    expect(brief(journey)).toContain('in exited');
  });

  it.each([
    ['a wait for a condition', { type: 'wait', id: 'long', until: HAS_CONVERTED, timeout: '1d' }, undefined],
    ['a wait for an event', { type: 'wait', id: 'paid', event: 'paid', where: HAS_CONVERTED }, undefined],
    ['a goal', { type: 'delay', for: '1d' }, { event: 'paid', where: HAS_CONVERTED, within: '1d' }],
  ])('can be given up before each look of %s', async (_, step, goal) => {
    let [passed, looks] = [0, 0];
    const atBoundary = async () => {
      passed += 1;
      if (passed > 3) throw new HooklineError('render.too_large', 'enough');
    };
    const countConversions = async () => {
      looks += 1;
      return 0;
    };
    const events = Array.from({ length: 9 }, (__, index) => eventAt(index + 1, 'paid'));
    const walked = walk([step], { atBoundary, events, facts: { ...NO_FACTS, countConversions } }, { goal });
    await expect(walked).rejects.toThrow('enough');
    expect(looks).toBe(2);
  });
});
