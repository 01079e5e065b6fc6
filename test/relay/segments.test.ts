import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ingestEvents } from '../../db/events.ts';
import { mergePeople } from '../../db/merge-people.ts';
import { putPeople } from '../../db/put-people.ts';
import { attributeChanges } from '../../db/schema/people.ts';
import { unfitSegments } from '../../domain/segment/unfit-segments.ts';
import { startSegments, type TestSegments } from '../support/segments.ts';

let test: TestSegments;

beforeAll(async () => {
  test = await startSegments();
});
afterAll(() => test.close());
beforeEach(() => test.clear());

const isGold = { 'customer.plan': 'gold' };

describe('who belongs to a segment', () => {
  it('is filled silently when it is made, and follows from then on, each change once', async () => {
    await test.set('ada', { plan: 'gold' });
    await test.set('bob', { plan: 'free' });
    expect(await test.put('gold', isGold)).toEqual({ version: 1, state: 'filling' });
    await test.greet('hello', 'gold', 'enter');
    await test.greet('goodbye', 'gold', 'leave');
    await test.relays.settle();
    expect(await test.members('gold')).toEqual(['ada']);
    expect(await test.put('gold', isGold)).toEqual({ version: 1, state: 'ready' });
    expect(await test.decided()).toEqual([]);

    await test.set('bob', { plan: 'gold' });
    await test.set('ada', { plan: 'free' });
    await test.set('cyd', { plan: 'gold' });
    await test.set('cyd', { colour: 'red' });
    await test.relays.settle();
    expect(await test.members('gold')).toEqual(['bob', 'cyd']);
    expect((await test.decided()).toSorted()).toEqual([
      'ada goodbye segment/gold/leave/2 entered',
      'bob hello segment/gold/enter/2 entered',
      'cyd hello segment/gold/enter/1 entered',
    ]);
  });

  it('follows each event, counted up to it, however many wait', async () => {
    await test.put('third', { performed: { event: 'bought', count: { eq: 3 } } });
    await test.relays.settle();
    await test.greet('hello', 'third', 'enter');
    await test.greet('goodbye', 'third', 'leave');
    for (let count = 0; count < 5; count += 1) await test.did('ada', 'bought');
    await test.did('bob', 'bought');
    await test.relays.settle();
    expect(await test.members('third')).toEqual([]);
    expect(await test.decided()).toEqual([
      'ada hello segment/third/enter/3 entered',
      'ada goodbye segment/third/leave/4 entered',
    ]);
  });

  it('asks for other segments, one after the other, whatever their ids', async () => {
    await test.put('z-gold', isGold);
    await test.put('y-loyal', { segment: 'z-gold', performed: { event: 'bought' } });
    await test.put('a-both', { not: { segment: 'y-loyal' } });
    await test.relays.settle();
    await test.greet('loyal', 'y-loyal', 'enter');
    await test.greet('both', 'a-both', 'leave');
    await test.did('ada', 'bought');
    await test.relays.settle();
    expect(await test.members('a-both')).toEqual(['ada']);
    await test.set('ada', { plan: 'gold' });
    await test.relays.settle();
    expect([await test.members('a-both'), await test.members('y-loyal')]).toEqual([[], ['ada']]);
    expect(await test.decided()).toEqual([
      'ada loyal segment/y-loyal/enter/2 entered',
      'ada both segment/a-both/leave/2 entered',
    ]);
  });

  it('changes by backfill without a word, and at its own rank among the journeys that led to it', async () => {
    await test.put('buyers', { performed: { event: 'bought' } });
    await test.put('gold', isGold);
    await test.relays.settle();
    await test.greet('hello', 'buyers', 'enter');
    await test.greet('shine', 'gold', 'enter');
    await test.did('ada', 'bought', { backfill: true });
    await test.set('bob', { plan: 'free' });
    await test.relays.settle();
    await test.set('bob', { plan: 'gold' });
    await test.db.update(attributeChanges).set({ depth: 21 }).where(eq(attributeChanges.number, 2));
    await test.relays.settle();
    expect(await test.members('buyers')).toEqual(['ada']);
    expect(await test.decided()).toEqual(['bob shine segment/gold/enter/2 guard']);
  });

  it('counts what an event brings before the campaigns that start on it, however many wait', async () => {
    await test.set('ada', { plan: 'free' });
    await test.set('bob', { plan: 'gold' });
    await test.put('gold', isGold);
    await test.relays.settle();
    const trigger = { type: 'event', event: 'changed' };
    await test.makeLive('welcome', { trigger, audience: { segment: 'gold' } });
    await test.did('ada', 'changed', { attributes: { plan: 'gold' } });
    await test.did('bob', 'changed', { attributes: { plan: 'free' } });
    await test.relays.settle();
    expect((await test.decided()).map((line) => line.replace(/evt_\S+/, '…')).toSorted()).toEqual([
      'ada welcome event/… entered',
      'bob welcome event/… notInAudience',
    ]);

    const came = { person: 'bob', name: 'came', data: {}, backfill: false };
    const changed = { ...came, name: 'changed', attributes: { plan: 'gold' } };
    await ingestEvents(test.db, [changed, ...Array.from({ length: 101 }, () => came)]);
    await test.relays.settle();
    expect((await test.decided()).at(-1)).toMatch(/^bob welcome .+ entered$/);
  });

  it('holds of people of whom nothing is known, from when they are made', async () => {
    await test.set('old', {});
    await test.put('others', { not: isGold });
    await test.greet('hello', 'others', 'enter');
    await test.relays.settle();
    await test.set('new', {});
    await test.did('newer', 'came');
    await putPeople(test.db, [{ id: 'bulk', attributes: {} }], { backfill: false });
    await test.relays.settle();
    expect(await test.members('others')).toEqual(['bulk', 'new', 'newer', 'old']);
    expect((await test.decided()).toSorted()).toEqual([
      'bulk hello segment/others/enter/1 entered',
      'new hello segment/others/enter/1 entered',
      'newer hello segment/others/enter/1 entered',
    ]);
  });
});

/** Ada is there, and is no buyer yet. */
async function welcomeBuyers(): Promise<void> {
  await test.set('ada', { colour: 'red' });
  await test.put('buyers', { performed: { event: 'bought', count: { gte: 9 } } });
  await test.relays.settle();
  await test.greet('hello', 'buyers', 'enter');
}

describe('a definition that changes', () => {
  it('tells the differences, once, and those that follow from them', async () => {
    await test.set('ada', { plan: 'gold' });
    await test.set('bob', { plan: 'silver' });
    await test.set('cyd', { plan: 'free' });
    await test.put('gold', isGold);
    await test.put('rest', { not: { segment: 'gold' } });
    await test.relays.settle();
    await test.greet('hello', 'gold', 'enter');
    await test.greet('goodbye', 'gold', 'leave');
    await test.greet('rested', 'rest', 'leave');
    expect(await test.put('gold', { 'customer.plan': 'silver' })).toEqual({ version: 2, state: 'filling' });
    await test.relays.settle();
    expect([await test.members('gold'), await test.members('rest')]).toEqual([['bob'], ['ada', 'cyd']]);
    expect((await test.decided()).toSorted()).toEqual([
      'ada goodbye segment/gold/leave/2 entered',
      'bob hello segment/gold/enter/2 entered',
      'bob rested segment/rest/leave/2 entered',
    ]);
  });

  it('judges who changes before it comes to them by the new one, and tells that once', async () => {
    await test.set('ada', { plan: 'gold' });
    await test.put('gold', isGold);
    await test.relays.settle();
    await test.greet('goodbye', 'gold', 'leave');
    await test.put('gold', { 'customer.plan': 'gold', 'customer.vip': true });
    await test.set('ada', { colour: 'red' });
    await test.relays.match();
    expect(await test.members('gold')).toEqual([]);
    await test.relays.settle();
    expect(await test.decided()).toEqual(['ada goodbye segment/gold/leave/2 entered']);
  });

  it('is told once to who did something before it comes to them that counts for it', async () => {
    await welcomeBuyers();
    await test.greet('goodbye', 'buyers', 'leave');
    await test.put('buyers', { performed: { event: 'bought', count: { gte: 2 } } });
    await test.did('ada', 'bought');
    await test.did('ada', 'bought');
    await test.relays.sweep();
    // What is sent to its members now goes by the new one.
    expect(await test.members('buyers')).toEqual(['ada']);
    await test.relays.settle();
    expect(await test.members('buyers')).toEqual(['ada']);
    expect(await test.decided()).toEqual(['ada hello segment/buyers/enter/4 entered']);
  });

  it('is told to who did something by backfill that counts for it', async () => {
    await welcomeBuyers();
    await test.put('buyers', { performed: { event: 'bought' } });
    await test.did('ada', 'bought', { backfill: true });
    await test.relays.sweep();
    await test.relays.settle();
    expect(await test.decided()).toEqual(['ada hello segment/buyers/enter/3 entered']);
  });

  it('is told to who did something by backfill before it comes to them', async () => {
    await test.set('ada', { plan: 'silver' });
    await test.put('gold', isGold);
    await test.relays.settle();
    await test.greet('hello', 'gold', 'enter');
    await test.put('gold', { 'customer.plan': 'silver' });
    await test.did('ada', 'came', { backfill: true });
    await test.relays.match();
    expect(await test.members('gold')).toEqual([]);
    await test.relays.settle();
    expect(await test.members('gold')).toEqual(['ada']);
    expect(await test.decided()).toEqual(['ada hello segment/gold/enter/3 entered']);
  });
});

describe('a membership that somebody brings along who is merged', () => {
  it('goes on, or ends where it does not fit, without a word', async () => {
    await test.set('ada', { plan: 'gold' });
    await test.set('anon', { plan: 'free', zip: '75001' });
    await test.put('free', { 'customer.plan': 'free' });
    await test.put('a-free', { segment: 'free' });
    await test.put('near', { 'customer.zip': '75001' });
    await test.put('rich-near', { 'customer.zip': '75001', 'customer.plan': 'gold' });
    await test.relays.settle();
    for (const segment of ['free', 'a-free', 'near', 'rich-near']) {
      await test.greet(`hello-${segment}`, segment, 'enter');
      await test.greet(`goodbye-${segment}`, segment, 'leave');
    }
    await mergePeople(test.db, 'anon', 'ada', unfitSegments);
    await test.relays.settle();
    expect(await test.decided()).toEqual([
      expect.stringMatching(/^ada hello-rich-near segment\/rich-near\/enter\/\d+ entered$/),
    ]);
    expect([await test.members('free'), await test.members('a-free')]).toEqual([[], []]);
    expect([await test.members('near'), await test.members('rich-near')]).toEqual([['ada'], ['ada']]);
  });

  it('is told once where it has still to be told, and so is its end', async () => {
    await test.set('ada', { plan: 'gold' });
    await test.set('anon', { plan: 'free' });
    await test.put('some', { 'customer.plan': 'silver' });
    await test.relays.settle();
    await test.greet('hello', 'some', 'enter');
    await test.greet('goodbye', 'some', 'leave');
    await test.put('some', { 'customer.plan': 'free' });
    await test.relays.sweep();
    await mergePeople(test.db, 'anon', 'ada', unfitSegments);
    await test.relays.settle();
    expect((await test.decided()).map((line) => line.split('/')[2])).toEqual(['enter', 'leave']);
  });
});
