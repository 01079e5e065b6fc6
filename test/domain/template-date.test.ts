import { describe, expect, it } from 'vitest';
import { buildScope } from '../../domain/scope.ts';
import { compileTemplate, renderText } from '../../domain/template.ts';

/** 2026-03-01T23:30:05.123Z is a Sunday in UTC, and half past midnight on Monday in Paris. */
function print(source: string, timezone?: string): string {
  const person = { id: 'p', attributes: { renewal: '2026-05-01', seconds: 1_767_225_600 } };
  const scope = buildScope({ person, now: '2026-03-01T23:30:05.123Z', timezone: timezone ?? null });
  return renderText(compileTemplate(source), scope).text;
}

describe('the date filter', () => {
  it.each([
    ['%Y %C %y %m %-m %B %b %h %d %-d %e %j', '2026 20 26 03 3 March Mar Mar 01 1  1 060'],
    ['%H %k %I %l %p %P %M %S %L %N %3N %6N', '23 23 11 11 PM pm 30 05 123 123000000 123 123000'],
    ['%A %a %u %w %U %W %V %G %g', 'Sunday Sun 7 0 09 08 09 2026 26'],
    [
      '%F | %T | %D | %R | %r | %c | %x | %X | %v',
      '2026-03-01 | 23:30:05 | 03/01/26 | 23:30 | 11:30:05 PM | Sun Mar  1 23:30:05 2026 | 03/01/26 | 23:30:05 |  1-MAR-2026',
    ],
    ['%s %Q %z %:z %::z %Z %% %q', '1772407805 1772407805123 +0000 +00:00 +00:00:00 UTC % st'],
    ['%^a %^B %#p %_m %05d %10A %-H %E! %+', 'SUN MARCH pm  3 00001     Sunday 23 %E! Sun Mar  1 23:30:05 UTC 2026'],
  ])('prints %s as Ruby does', (format, printed) => {
    expect(print(`{{ 'now' | date: '${format}' }}`)).toBe(printed);
  });

  it('takes no time for what is no date, or no format', () => {
    const scope = buildScope({
      person: { id: 'p', attributes: { text: 'Z('.repeat(250_000) } },
      now: '2026-03-01T00:00:00Z',
    });
    const text = renderText(compileTemplate("{{ customer.text | date: '%F' }}"), scope).text;
    expect(text).toHaveLength(500_000);
    expect(print(`{{ 'now' | date: '%${'0'.repeat(200_000)}' }}`)).toHaveLength(200_001);
  });

  it.each([
    ['Europe/Paris', '2026-03-02 00:30 +0100 CET'],
    ['America/New_York', '2026-03-01 18:30 -0500 EST'],
    ['Asia/Kolkata', '2026-03-02 05:00 +0530 +0530'],
    ['GMT-7', '2026-03-01 16:30 -0700 -0700'],
    ['+05:30', '2026-03-02 05:00 +0530 +0530'],
  ])("prints in the scope's zone %s", (timezone, printed) => {
    expect(print("{{ 'now' | date: '%F %R %z %Z' }}", timezone)).toBe(printed);
  });

  it.each([
    ["{{ customer.renewal | date: '%F' }}", '2026-05-01'],
    ["{{ 'May 1, 2026' | date: '%F %R' }}", '2026-05-01 00:00'],
    ["{{ '2026-05-01 09:30:00' | date: '%R %z' }}", '09:30 -0400'],
    ["{{ '2026-05-01T09:30:00Z' | date: '%R %z' }}", '05:30 -0400'],
    ["{{ '2026-05-01 09:30:00 +0200' | date: '%R' }}", '03:30'],
    ["{{ 'Fri, 01 May 2026 09:30:00 GMT' | date: '%R' }}", '05:30'],
    ["{{ customer.seconds | date: '%F %R' }}", '2025-12-31 19:00'],
    ["{{ '1767225600' | date: '%F %R', 'UTC' }}", '2026-01-01 00:00'],
    ["{{ customer.seconds | date: '%R %z', -120 }}", '02:00 +0200'],
    ["{{ 'now' | date: '%s' | plus: 604800 | date: '%F' }}", '2026-03-08'],
    ["{{ 'soon' | date: '%F' }}", 'soon'],
    ["{{ customer.nothing | date: '%F' }}", ''],
    ['{% assign current_time = \'now\' %}{{current_time | date: "%F"}}', '2026-03-01'],
    ["{{ 'today' | date_to_xmlschema }}", '2026-03-01T18:30:05-05:00'],
    ["{{ 'now' | date_to_rfc822 }}", 'Sun, 01 Mar 2026 18:30:05 -0500'],
    ["{{ 'now' | date_to_string }} {{ 'now' | date_to_long_string: 'ordinal', 'US' }}", '01 Mar 2026 March 1st, 2026'],
    ["{{ 'now' | date }}", 'Sunday, March 1, 2026 at 6:30 pm -0500'],
  ])('%s prints %s in New York', (source, printed) => {
    expect(print(source, 'America/New_York')).toBe(printed);
  });

  it('names the unknown zone instead of guessing one', () => {
    expect(() => print("{{ 'now' | date: '%F', 'Mars/Olympus' }}")).toThrowError(/Mars\/Olympus/);
  });
});
