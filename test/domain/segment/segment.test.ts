import { describe, expect, it } from 'vitest';
import { HooklineError } from '../../../domain/errors.ts';
import { compileSegment, concerns, inOrder } from '../../../domain/segment/compiled-segment.ts';
import { validateSegment } from '../../../domain/segment/segment.ts';

const gold = { id: 'gold', condition: { 'customer.plan': 'gold' } };
const vip = { id: 'vip', condition: { or: [{ segment: 'gold' }, { 'customer.vip': true }] } };

function faults(input: unknown, id = 'loyal', known = [gold, vip]): string[] {
  try {
    validateSegment(input, id, known);
    return [];
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return error.errors.map(({ path, message }) => `${path}: ${message}`);
  }
}

describe('the definition of a segment', () => {
  it('may ask for the person, for what they did, for conversions, the clock and other segments', () => {
    const condition = {
      'customer.country': 'FR',
      performed: { event: 'bought', where: { 'event.total': { gte: 10 }, 'customer.plan': 'gold' }, within: '30d' },
      converted: { campaign: 'win-back' },
      now: { days: ['fri'], timezone: 'person' },
      not: { and: [{ segment: 'gold' }, { segment: 'vip' }] },
    };
    expect(validateSegment({ name: 'Loyal', condition }, 'loyal', [gold, vip])).toEqual({ name: 'Loyal', condition });
  });

  it.each([
    [{}, 'condition: is missing'],
    [{ condition: {}, colour: 'red' }, 'condition: is empty'],
    [{ id: 'other', condition: gold.condition }, 'id: "other" is not the id in the path, "loyal"'],
    [
      { condition: { 'event.plan': 'gold' } },
      "condition['event.plan']: a segment is asked of a person at any time and knows no event; write performed: { event: … }",
    ],
    [
      { condition: { or: [{ 'responses.create.ok': true }, gold.condition] } },
      "condition.or[0]['responses.create.ok']: a segment is asked of a person at any time and knows no responses; write customer.…",
    ],
    [{ condition: { 'trigger.reason': 'x' } }, "condition['trigger.reason']: a segment is asked"],
    [
      { condition: { performed: { event: 'bought', where: { 'trigger.reason': 'x' } } } },
      "condition.performed.where['trigger.reason']: a segment is asked",
    ],
    [{ condition: { segment: 'golf' } }, 'condition.segment: no segment has the id "golf"; did you mean "gold"?'],
    [
      { condition: { not: { segment: 'platinum' } } },
      'condition.not.segment: no segment has the id "platinum"; PUT /v1/segments/platinum stores one',
    ],
    [{ condition: { segment: 'loyal' } }, 'condition.segment: leads in a circle: loyal → loyal'],
  ])('%o is refused in words', (input, message) => {
    expect(faults(input).join('\n')).toContain(message);
  });

  it('may not lead back to itself by way of others', () => {
    const input = { condition: { and: [{ not: { segment: 'vip' } }] } };
    expect(faults(input, 'gold')).toEqual(['condition.and[0].not.segment: leads in a circle: gold → vip → gold']);
  });

  it('has all its faults in one answer', () => {
    expect(faults({ name: '', condition: { 'event.x': 1, segment: 'gol' } })).toHaveLength(3);
  });
});

describe('a compiled segment', () => {
  const loyal = compileSegment({
    performed: { event: 'bought', where: { performed: { event: 'returned' } } },
    'customer.address.city': 'Paris',
  });
  const counting = compileSegment({ converted: { campaign: 'win-back' } });

  it('is concerned by the events and attributes that it names, and by any event where conversions count', () => {
    const event = (name: string) => ({ event: name, attributes: [] });
    expect(concerns(loyal, event('bought'))).toBe(true);
    expect(concerns(loyal, event('returned'))).toBe(true);
    expect(concerns(loyal, event('left'))).toBe(false);
    expect(concerns(loyal, { event: null, attributes: ['plan', 'address'] })).toBe(true);
    expect(concerns(loyal, { event: null, attributes: ['city'] })).toBe(false);
    expect(concerns(counting, event('left'))).toBe(true);
    expect(concerns(counting, { event: null, attributes: ['plan'] })).toBe(false);
  });

  it('stands behind those that it asks for', () => {
    const of = (id: string, ...segments: string[]) => ({ id, segments: new Set(segments) });
    const ordered = inOrder([of('a', 'c', 'b'), of('b', 'd'), of('c'), of('d', 'c')]);
    expect(ordered.map(({ id }) => id)).toEqual(['c', 'd', 'b', 'a']);
  });
});
