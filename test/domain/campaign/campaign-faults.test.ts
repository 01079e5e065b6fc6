import { describe, expect, it } from 'vitest';
import type { DestinationRules } from '../../../domain/delivery/address.ts';
import { validateCampaign } from '../../../domain/campaign/campaign.ts';
import { HooklineError } from '../../../domain/errors.ts';

function faultsOf(input: unknown, pathId?: string, rules?: DestinationRules): string[] {
  try {
    validateCampaign(input, pathId, rules);
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    expect(error.code).toBe('campaigns.invalid');
    return error.errors.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

const manual = { id: 'a', trigger: { type: 'manual' } };
const exit = { type: 'exit' };
const webhook = { type: 'webhook', id: 'send', url: 'https://example.com' };
const withSteps = (...steps: unknown[]) => faultsOf({ ...manual, steps });
const with_ = (fields: object) => faultsOf({ ...manual, steps: [exit], ...fields });

describe('an invalid campaign', () => {
  it('tells every fault in one pass, misspelt keys beside broken templates', () => {
    expect(
      faultsOf(
        {
          id: 'gold',
          trigger: { type: 'segmnt', segment: 'gold' },
          audience: { 'customer.age': { gth: 18 } },
          timezon: 'Europe/Paris',
          steps: [
            { type: 'delay', fro: '1h' },
            {
              type: 'webhook',
              url: 'https://example.com/{{ customer.id',
              timeuot: '4s',
              headers: { Host: 'x', 'X-A': 5 },
            },
            {
              type: 'branch',
              cases: [
                {
                  when: { 'responses.nobody.id': 1 },
                  steps: [{ type: 'delay', id: 'Wait', for: '1mo' }, { type: 'dealy' }],
                },
              ],
            },
            { type: 'update', attributes: { a: '{{ 1 | nofilter }}', b: 5 } },
          ],
        },
        'silver',
      ),
    ).toEqual([
      'trigger.type: "segmnt" is no trigger type; did you mean "segment"?',
      `audience['customer.age'].gth: unknown key "gth"; did you mean "gt"?`,
      'steps[0].fro: unknown key "fro"; did you mean "for"?',
      'steps[0].for: write either for, such as 2h, or until',
      'steps[1].id: write an id such as create-lead: 1 to 63 of a-z, 0-9 and -, not starting with -',
      'steps[1].headers.X-A: must be a string, not a number',
      'steps[1].timeuot: unknown key "timeuot"; did you mean "timeout"?',
      'steps[2].cases[0].steps[0].id: write an id such as wait-a-day: 1 to 63 of a-z, 0-9 and -, not starting with -',
      'steps[2].cases[0].steps[0].for: months and years have no fixed length here; write days or weeks, such as 30d',
      'steps[2].cases[0].steps[1].type: "dealy" is no step type; did you mean "delay"?',
      'steps[3].attributes.b: must be a template; write "{{ 5 }}"',
      'timezon: unknown key "timezon"; did you mean "timezone"?',
      'id: "gold" is not the id in the path, "silver"; leave it out or make them equal',
      expect.stringMatching(/^steps\[1\]\.url: line 1, column 21: /),
      expect.stringMatching(/^steps\[1\]\.headers\.Host: /),
      expect.stringMatching(/^steps\[3\]\.attributes\.a: line 1, column \d+: /),
      'steps[2].cases[0].when: responses.nobody.id: no webhook with the id "nobody" comes before this',
    ]);
  });

  it.each([
    [undefined, ': is missing; write an object'],
    ['gold', ': must be an object, not a string'],
    [[], ': must be an object, not a list'],
  ])('that is %j says so', (input, fault) => {
    expect(faultsOf(input)).toEqual([fault]);
  });

  it.each([
    [{ id: undefined }, 'id: is missing; write an id such as gold-members'],
    [{ id: 'Gold' }, 'id: write an id such as gold-members: 1 to 63 of a-z, 0-9 and -, not starting with -'],
    [{ trigger: undefined }, 'trigger: is missing; write an object'],
    [
      { trigger: {} },
      'trigger.type: is missing; write the trigger type: event, segment, attribute, date, schedule or manual',
    ],
    [{ trigger: { type: 'event' } }, 'trigger.event: is missing; write a string'],
    [{ trigger: { type: 'manual', event: 'x' } }, 'trigger.event: unknown key "event"; use type'],
    [{ trigger: { type: 'evnet' } }, 'trigger.type: "evnet" is no trigger type; did you mean "event"?'],
    [{ audience: {} }, 'audience: is empty; write at least one test, such as { customer.plan: gold }'],
    [{ entry: { frequency: 'always' } }, 'entry.frequency: write once, everyTime, or { oncePer: 7d }'],
    [{ entry: { maxConcurrent: 101 } }, 'entry.maxConcurrent: must be at most 100'],
    [{ entry: { maxConcurrent: 0 } }, 'entry.maxConcurrent: must be at least 1'],
    [{ timezone: 'Europe/Pariss' }, 'timezone: is no IANA time zone; write one such as Europe/Paris'],
    [{ timezone: '+01:00' }, 'timezone: is no IANA time zone; write one such as Europe/Paris'],
    [{ goals: { event: 'x' } }, 'goals: unknown key "goals"; did you mean "goal"?'],
    [{ defaults: { timeout: '61s' } }, 'defaults.timeout: is too long; write at most 60s'],
    [
      { defaults: { signing: 'customer.io' } },
      'defaults.signing: "customer.io" is not known; did you mean "customerio"?',
    ],
    [{ defaults: { headers: { 'X A': 'b' } } }, expect.stringMatching(/^defaults\.headers\['X A'\]: /)],
    [{ steps: [] }, 'steps: must not be empty'],
    [{ steps: {} }, 'steps: must be a list, not an object'],
    [{ steps: ['exit'] }, 'steps[0]: must be an object, not a string'],
    [
      { steps: [{}] },
      'steps[0].type: is missing; write the step type: delay, wait, webhook, branch, split, update or exit',
    ],
    [{ steps: [{ type: 'wait' }] }, 'steps[0].event: write either event or until'],
  ])('with %j says "%s"', (fields, fault) => {
    expect(with_(fields)).toEqual([fault]);
  });
});

describe('the ids of steps', () => {
  it('are unique, in cases too', () => {
    const branch = { type: 'branch', cases: [{ when: { 'customer.a': 1 }, steps: [{ ...exit, id: 'send' }] }] };
    expect(withSteps(webhook, branch)).toEqual([
      'steps[1].cases[0].steps[0].id: "send" is already the id of steps[0]; give this step another',
    ]);
  });

  it('are given by place where one YAML alias is two steps', () => {
    const shared = { type: 'delay', for: '1h' };
    expect(withSteps(shared, shared)).toEqual([]);
  });

  it('by place are taken too', () => {
    expect(withSteps({ ...exit, id: 'step-2' }, exit)).toEqual([
      'steps[1].id: "step-2" is already the id of steps[0]; give this step another',
    ]);
  });
});

describe('an answer in a condition', () => {
  const ask = (id: string, steps: unknown[] = []) => ({
    type: 'branch',
    cases: [{ when: { [`responses.${id}.ok`]: true }, steps }],
  });

  it('is there after its webhook, in a branch of it and after a branch that may have had it', () => {
    const first = { ...ask('send', [{ ...webhook, id: 'second' }, ask('second')]), otherwise: [] };
    expect(withSteps(webhook, first, ask('second'))).toEqual([]);
  });

  it('is not there before its webhook, in another case, or in the audience', () => {
    const other = {
      type: 'branch',
      cases: [...ask('send', [{ ...webhook, id: 'inner' }]).cases],
      otherwise: [ask('inner')],
    };
    expect(
      faultsOf({
        ...manual,
        audience: { 'responses.send.ok': true },
        steps: [ask('later'), webhook, other, { ...webhook, id: 'later' }],
      }),
    ).toEqual([
      'audience: responses.send.ok: no webhook with the id "send" comes before this',
      'steps[0].cases[0].when: responses.later.ok: no webhook with the id "later" comes before this',
      'steps[2].otherwise[0].cases[0].when: responses.inner.ok: no webhook with the id "inner" comes before this; use send',
    ]);
  });

  it('of a misspelt webhook comes with the nearest one', () => {
    expect(withSteps(webhook, ask('sned'))).toEqual([
      'steps[1].cases[0].when: responses.sned.ok: no webhook with the id "sned" comes before this; did you mean "send"?',
    ]);
  });
});

describe('the limits', () => {
  const nested = (depth: number, innermost: object = exit): unknown =>
    depth === 1
      ? innermost
      : { type: 'branch', cases: [{ when: { 'customer.a': 1 }, steps: [nested(depth - 1, innermost)] }] };

  it('are 200 steps', () => {
    expect(withSteps(...Array.from({ length: 200 }, () => exit))).toEqual([]);
    expect(withSteps(...Array.from({ length: 201 }, () => exit))).toEqual(['steps: are 201; a campaign may have 200']);
  });

  it('are 10 levels of steps', () => {
    expect(withSteps(nested(10))).toEqual([]);
    expect(withSteps(nested(11))).toEqual([expect.stringMatching(/\]: is nested 11 deep; steps may nest 10 deep$/)]);
    expect(withSteps(nested(14))).toEqual([expect.stringMatching(/\]: is nested 11 deep; steps may nest 10 deep$/)]);
  });

  it.each([
    ['a webhook', { type: 'webhook', url: 'https://example.com' }],
    ['a split', { type: 'split', variants: [{ weight: 1, steps: [] }] }],
    ['what is no step', {}],
  ])('of depth come alone, also of %s', (_, innermost) => {
    expect(withSteps({ ...exit, id: 'too-deep-11' }, nested(11, innermost))).toEqual([
      expect.stringMatching(/\]: is nested 11 deep; steps may nest 10 deep$/),
    ]);
  });

  it('are 256 KiB, 64 levels of JSON, and a plan of 16 KiB', () => {
    expect(with_({ name: 'x'.repeat(300_000) })).toEqual([expect.stringMatching(/^: has 3000\d\d bytes as JSON/)]);
    expect(with_({ name: Array.from({ length: 10_000 }).reduce<unknown>((inner) => [inner], 0) })).toEqual([
      ': is nested more than 64 deep',
    ]);
    const long = Array.from({ length: 200 }, (_, i) => ({ ...webhook, id: `${'x'.repeat(59)}-${i}` }));
    expect(withSteps(...long)).toEqual([
      expect.stringMatching(/^steps: have a plan of \d+ bytes, and 16384 are allowed/),
    ]);
  });
});

describe('a literal URL', () => {
  it('is judged where the rules are known', () => {
    const campaign = { ...manual, steps: [{ ...webhook, url: 'http://example.com' }] };
    expect(faultsOf(campaign)).toEqual([]);
    expect(faultsOf(campaign, 'a', { allowHttp: true, allowNetworks: [] })).toEqual([]);
    expect(faultsOf(campaign, 'a', { allowHttp: false, allowNetworks: [] })).toEqual([
      expect.stringMatching(/^steps\[0\]\.url: .*HOOKLINE_ALLOW_HTTP/),
    ]);
  });
});
