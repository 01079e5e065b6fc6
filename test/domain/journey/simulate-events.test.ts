import { describe, expect, it } from 'vitest';
import { brief, eventAt as at, NOW, tell, walk } from '../../support/simulated.ts';

describe('a wait', () => {
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

  it('sees each event once: the next wait sees what came after it', async () => {
    const wait = (id: string) => ({ type: 'wait', id, event: 'paid', timeout: '1d' });
    const steps = [wait('one'), wait('two'), { type: 'update', attributes: { n: '{{ events.two.n }}' } }];
    const both = await walk(steps, { events: [at(60, 'paid', { n: 1 }), at(120, 'paid', { n: 2 })] });
    expect(brief(both).slice(0, 4)).toEqual(['one waiting', 'one received', 'two waiting', 'two received']);
    expect(both.person.attributes).toEqual({ n: 2 });
    const late = await walk(steps, { events: [at(60, 'paid', { n: 1 }), at(60 + 86_401, 'paid', { n: 2 })] });
    expect(brief(late)[3]).toBe('two timedOut');
    // At one moment, one after the other.
    const twins = await walk(steps, { events: [at(60, 'paid', { n: 1 }), at(60, 'paid', { n: 2 })] });
    expect(twins.person.attributes).toEqual({ n: 2 });
  });

  it('sees an earlier one again only where it says so, and what it passed no more', async () => {
    const steps = [
      { type: 'wait', id: 'one', event: 'paid', where: { 'event.n': 2 } },
      { type: 'wait', id: 'two', event: 'paid', since: 'entry' },
      { type: 'wait', id: 'three', event: 'paid' },
    ];
    const journey = await walk(steps, { events: [at(10, 'paid', { n: 1 }), at(60, 'paid', { n: 2 })] });
    expect(journey).toMatchObject({ state: 'waiting', reason: 'step three waits for ever' });
    const received = journey.log.filter(({ what }) => what === 'received');
    expect(received.map(({ details }) => details['event'])).toEqual(['evt_60', 'evt_10']);
  });

  it('for a condition that holds already leaves what comes at that moment to the next one, and takes what made it hold', async () => {
    const bought = { type: 'wait', id: 'next', event: 'bought', timeout: '1d' };
    const already = { type: 'wait', id: 'already', until: { not: { 'customer.x': 1 } } };
    expect(brief(await walk([already, bought], { events: [at(0, 'bought')] }))).toContain('next received');
    const twice = { type: 'wait', id: 'twice', until: { performed: { event: 'bought', count: { gte: 2 } } } };
    const twins = [at(5, 'bought'), at(5, 'bought')];
    expect(brief(await walk([twice, bought], { events: twins }))).toContain('next timedOut');
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

  it('until a condition holds is fulfilled by time alone also after more than a week, to the minute', async () => {
    const renewal = { type: 'wait', id: 'renewal', until: { 'customer.renewal': { before: '-1d' } } };
    const person = { id: 'ada', attributes: { renewal: '2026-03-20T10:30:00Z' } };
    for (const timeout of [undefined, '30d']) {
      const journey = await walk([{ ...renewal, ...(timeout && { timeout }) }], { person });
      expect(journey.log.map(({ what }) => what)).toContain('fulfilled');
      expect(journey.endedAt.toISOString()).toBe('2026-03-21T10:31:00.000Z');
    }
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

describe('a given event', () => {
  const goal = { event: 'bought', within: '2h', where: { 'event.amount': { gte: 5 } } };
  const rest = { type: 'delay', for: '1h' };

  it('is the goal of the journey once, where it is the right one in time, credited to what was sent', async () => {
    const steps = [tell({ trackConversions: true }), rest];
    const events = [
      at(60, 'bought', { amount: 1 }),
      at(120, 'bought', { amount: 7 }),
      at(180, 'bought', { amount: 9 }),
    ];
    const journey = await walk(steps, { events }, { goal });
    expect(brief(journey)).toEqual([
      'tell rendered',
      'tell sent',
      'step-2 delayed',
      'null converted',
      'null completed',
    ]);
    expect(journey.log[3]).toEqual({
      at: new Date(NOW.getTime() + 120_000),
      step: null,
      what: 'converted',
      details: { event: 'evt_120', name: 'bought', values: { 'event.amount': 7 }, credited: 'tell' },
    });
    const late = await walk([tell()], { events: [at(7_201, 'bought', { amount: 7 })] }, { goal });
    expect(brief(late)).not.toContain('null converted');
    const after = await walk([tell()], { events: [at(60, 'bought', { amount: 7 })] }, { goal });
    expect(brief(after).slice(-2)).toEqual(['null completed', 'null converted']);
    expect(after.endedAt).toEqual(NOW);
  });

  it.each([
    ['in a delay', rest],
    ['in a wait that has a timeout', { type: 'wait', id: 'wait', event: 'paid', timeout: '1d' }],
    ['in a wait for ever', { type: 'wait', id: 'wait', event: 'paid' }],
    ['in a wait for a condition', { type: 'wait', id: 'wait', until: { 'customer.x': 1 } }],
  ])('ends the journey wherever it is: %s', async (_where, step) => {
    const exits = { exit: { events: ['left'] } };
    const left = await walk([step, tell()], { events: [at(60, 'left')] }, exits);
    expect(left).toMatchObject({ state: 'exited', reason: 'exit event left', deliveries: [] });
    expect(left.endedAt.getTime() - NOW.getTime()).toBe(60_000);
    expect(left.log.at(-1)?.details).toEqual({ reason: 'exit event left', event: 'evt_60' });
    const won = await walk(
      [step, tell()],
      { events: [at(60, 'bought', { amount: 7 })] },
      { goal: { ...goal, exit: true } },
    );
    expect(won).toMatchObject({ state: 'exited', reason: 'goal' });
    expect(brief(won).slice(-2)).toEqual(['null converted', 'null exited']);
  });

  it('counts as a conversion for what comes behind it, and for what waits for one', async () => {
    const converted = { converted: { campaign: 'try' } };
    const branch = {
      type: 'branch',
      id: 'ask',
      cases: [{ when: converted, steps: [{ type: 'exit', reason: 'won' }] }],
    };
    const events = [at(60, 'bought', { amount: 7 })];
    expect((await walk([rest, branch], { events }, { goal })).reason).toBe('won');
    expect((await walk([branch, rest], { events }, { goal })).reason).toBeNull();
    const wait = { type: 'wait', id: 'wait', until: converted, timeout: '1d' };
    const waited = await walk([wait], { events }, { goal });
    expect(brief(waited)).toEqual(['wait waiting', 'null converted', 'wait fulfilled', 'null completed']);
    expect(waited.endedAt.getTime() - NOW.getTime()).toBe(60_000);
  });

  it('ends the wait first where it ends both, as a real one does', async () => {
    const steps = [{ type: 'wait', id: 'wait', event: 'left' }, tell()];
    const journey = await walk(steps, { events: [at(60, 'left')] }, { exit: { events: ['left'] } });
    expect(brief(journey)).toEqual(['wait waiting', 'wait received', 'null exited']);
  });
});
