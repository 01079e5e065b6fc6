import { describe, expect, it } from 'vitest';
import { addOffset, durationSchema, parseDurationMs, parseOffset } from '../../../domain/input/duration.ts';
import { parseInput } from '../../../domain/input/faults.ts';

describe('a duration', () => {
  it.each([
    ['4s', 4_000],
    ['2m', 120_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1w', 604_800_000],
    ['1d12h', 129_600_000],
    ['1w2d3h4m5s', 788_645_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each([
    ['', 'write a duration such as 2h or 1d12h, whole numbers with their unit (s m h d w)'],
    ['2', 'write a duration such as 2h or 1d12h, whole numbers with their unit (s m h d w)'],
    ['500ms', 'write a duration such as 2h or 1d12h, whole numbers with their unit (s m h d w)'],
    ['1.5h', 'write a duration such as 2h or 1d12h, whole numbers with their unit (s m h d w)'],
    ['-2h', 'write a duration such as 2h or 1d12h, whole numbers with their unit (s m h d w)'],
    ['1d 12h', 'write a duration such as 2h or 1d12h, whole numbers with their unit (s m h d w)'],
    ['0s', 'must be longer than nothing, such as 1s'],
    ['1mo', 'months and years have no fixed length here; write days or weeks, such as 30d'],
    ['1y', 'months and years have no fixed length here; write days or weeks, such as 30d'],
    ['999999999999w', 'is too long; write at most 36525d'],
  ])('"%s" is refused in words', (text, message) => {
    expect(() => parseDurationMs(text)).toThrow(
      expect.objectContaining({ code: 'input.invalid', message: `"${text}" is no duration: ${message}` }),
    );
  });

  it('stays a string in an input, within its bounds', () => {
    const schema = durationSchema({ min: '1s', max: '60s' });
    expect(parseInput(schema, '1m')).toBe('1m');
    expect(() => parseInput(schema, '61s')).toThrow('is too long; write at most 60s');
    expect(() => parseInput(schema, '2y')).toThrow('months and years have no fixed length here');
    expect(() => parseInput(schema, 30)).toThrow('write a duration such as 60s, a number with its unit (s m h d w)');
    expect(() => parseInput(durationSchema({ min: '1m' }), '59s')).toThrow('is too short; write at least 1m');
  });
});

describe('an offset', () => {
  const shifted = (from: string, offset: string) => addOffset(new Date(from), parseOffset(offset)).toISOString();

  it.each([
    ['2026-03-31T12:00:00Z', '-7d', '2026-03-24T12:00:00.000Z'],
    ['2026-03-31T12:00:00Z', '+90s', '2026-03-31T12:01:30.000Z'],
    ['2026-01-31T12:00:00Z', '1mo', '2026-02-28T12:00:00.000Z'],
    ['2024-01-31T12:00:00Z', '1mo', '2024-02-29T12:00:00.000Z'],
    ['2026-03-31T12:00:00Z', '-1mo', '2026-02-28T12:00:00.000Z'],
    ['2024-02-29T00:00:00Z', '-1y', '2023-02-28T00:00:00.000Z'],
    ['2026-11-15T00:00:00Z', '2mo', '2027-01-15T00:00:00.000Z'],
    ['2026-01-31T23:00:00Z', '1mo1h', '2026-03-01T00:00:00.000Z'],
    ['2026-01-01T00:00:00Z', '0d', '2026-01-01T00:00:00.000Z'],
  ])('from %s, %s leads to %s', (from, offset, to) => {
    expect(shifted(from, offset)).toBe(to);
  });

  it.each(['7', 'd', '--7d', '- 7d', '1mo-2d'])('"%s" is refused', (text) => {
    expect(() => parseOffset(text)).toThrow('write an offset such as -7d or 1mo');
  });

  it('is at most a hundred years long', () => {
    expect(() => parseOffset('-101y')).toThrow('is too long; write at most 100y');
  });
});
