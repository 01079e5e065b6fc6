import { describe, expect, it } from 'vitest';
import { predicateOf } from '../../../domain/condition/predicate.ts';
import { spellingsOf, zonesInUse } from '../../../domain/time/zones-in-use.ts';

/** One zone in 2^`letters` spellings: in each, others of its letters are capital ones. */
function spellings(letters: number): string[] {
  let made = [''];
  for (const letter of 'america/argentina/comodrivadavia') {
    const isFree = letter !== '/' && made.length < 2 ** letters;
    made = made.flatMap((text) => (isFree ? [text + letter, text + letter.toUpperCase()] : [text + letter]));
  }
  return made;
}

describe('the zones in use', () => {
  it('are those that are written at anybody, each with its spellings, and the fallback', () => {
    const written = [
      'Europe/Paris',
      'GMT-7',
      'europe/PARIS',
      'Mars/Olympus',
      '-7',
      'Europe/\u212aiev',
      '',
      'x'.repeat(65),
    ];
    for (const _again of [1, 2]) {
      expect(zonesInUse(written, 'UTC')).toEqual(
        new Map([
          ['UTC', []],
          ['Europe/Paris', ['Europe/Paris', 'europe/PARIS']],
          ['-07:00', ['GMT-7', '-7']],
        ]),
      );
      expect(zonesInUse(['Europe/Kiev'], 'UTC').size).toBe(2);
    }
  });

  it('may each have hundreds of thousands of spellings', () => {
    const written = spellings(18);
    expect(spellingsOf('America/Argentina/ComodRivadavia', written, 'UTC').own).toEqual(written);
  }, 60_000);

  it('are found again and again among what is no zone', () => {
    const written = [...Array.from({ length: 60_000 }, (_, index) => `Mars/Place_${index}`), 'Europe/Paris'];
    for (let second = 0; second < 50; second += 1)
      expect([...zonesInUse(written, 'UTC').keys()]).toEqual(['UTC', 'Europe/Paris']);
  }, 60_000);

  it('are each read once for all clocks of a condition', () => {
    const written = spellings(14);
    const now = new Date('2026-03-01T10:00:00Z');
    const clock = { now: { from: '09:00', timezone: 'person' } };
    const condition = { and: Array.from({ length: 100 }, () => clock) };
    const zones = new Map(written.map((zone) => [zone, { holds: false, clock: `sun 07:00 ${zone}` }]));
    const predicate = predicateOf(condition, { now, timezone: 'UTC', zones: written });
    const [first] = predicate.type === 'all' ? predicate.parts : [];
    expect(first).toEqual({
      type: 'all',
      parts: [{ type: 'clock', zones, usual: { holds: true, clock: 'sun 10:00 UTC' } }],
    });
  }, 60_000);
});
