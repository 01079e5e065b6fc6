import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
});

afterAll(() => hookline.stop());

/** The faults of a definition, all of which are refused with 422 and leave nothing behind. */
async function faultsOf(definition: unknown): Promise<string[]> {
  const answer = await hookline.api('PUT', '/v1/campaigns/gold', definition);
  const { faults } = expectProblem(answer, 422, 'campaigns.invalid');
  expectProblem(await hookline.api('GET', '/v1/campaigns/gold'), 404, 'campaigns.not_found');
  return faults;
}
const manual = { trigger: { type: 'manual' } };
const exit = { type: 'exit' };

describe('a campaign with faults', () => {
  it('is refused with all of them in one pass, each with its place', async () => {
    const faults = await faultsOf({
      id: 'silver',
      trigger: { type: 'evnet', event: 'x' },
      timezon: 'Europe/Paris',
      steps: [
        { type: 'delay', fro: '1h' },
        { type: 'webhook', id: 'send', url: 'https://example.com/{{ customer.id', timeuot: '4s' },
        { type: 'branch', cases: [{ when: { 'customer.age': { gth: 1 } }, steps: [{ type: 'dealy' }] }] },
        { type: 'exit', id: 'send' },
      ],
    });
    const expected = [
      'trigger.type: "evnet" is no trigger type; did you mean "event"?',
      'timezon: unknown key "timezon"; did you mean "timezone"?',
      'steps[0].for: write either for, such as 2h, or until',
      'steps[0].fro: unknown key "fro"; did you mean "for"?',
      expect.stringMatching(/^steps\[1\]\.url: line 1, column 21: /),
      'steps[1].timeuot: unknown key "timeuot"; did you mean "timeout"?',
      `steps[2].cases[0].when['customer.age'].gth: unknown key "gth"; did you mean "gt"?`,
      'steps[2].cases[0].steps[0].type: "dealy" is no step type; did you mean "delay"?',
      'steps[3].id: "send" is already the id of steps[1]; give this step another',
      'id: "silver" is not the id in the path, "gold"; leave it out or make them equal',
    ];
    expect(faults).toEqual(expect.arrayContaining(expected));
    expect(faults).toHaveLength(expected.length);
  });

  it.each([
    [
      { trigger: { type: 'segment', segment: 'gold' }, steps: [exit] },
      [/^trigger\.change: is missing; write enter or leave$/, /^trigger\.segment: no segment has the id "gold"; /],
    ],
    [
      { ...manual, steps: [{ type: 'split' }] },
      [/^steps\[0\]\.id: write an id such as subject-test/, /^steps\[0\]\.variants: is missing/],
    ],
    [{ ...manual, steps: [] }, [/^steps: must not be empty$/]],
    [{ ...manual, steps: [exit], audience: {} }, [/^audience: is empty; write at least one test/]],
    [{ ...manual, steps: [exit], goal: { event: 'x' } }, [/^goal\.within: is missing; write a duration such as /]],
    [
      { ...manual, steps: [{ type: 'update', attributes: { a: 'x\n{{ 1 | nofilter }}', b: '{% if %}' } }] },
      [
        /^steps\[0\]\.attributes\.a: line 2, column \d+: .*nofilter/,
        /^steps\[0\]\.attributes\.b: line 1, column \d+: /,
      ],
    ],
    [[], [/^: must be an object, not a list$/]],
    [undefined, [/^: is missing; write an object$/]],
  ])('such as %j says where', async (definition, expected) => {
    expect(await faultsOf(definition)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });

  it('under an id that no campaign may have says which ones may', async () => {
    for (const id of ['Gold', 'gold members', '-gold', 'g'.repeat(64), '__proto__']) {
      const path = `/v1/campaigns/${encodeURIComponent(id)}`;
      const answer = await hookline.api('PUT', path, { ...manual, steps: [exit] });
      const { faults } = expectProblem(answer, 422, 'campaigns.invalid');
      expect(faults).toEqual(['id: write an id such as gold-members: 1 to 63 of a-z, 0-9 and -, not starting with -']);
    }
  });
});

describe('a campaign as YAML', () => {
  it('with an unquoted {{ has one fault, at its place', async () => {
    const yaml = `trigger: { type: manual }
steps:
  - type: exit
  - type: webhook
    id: send
    url: https://example.com/{{ customer.id | default: "none" }}
    timeout: 4s
`;
    expect(await faultsOf(yaml.replace('https://example.com/', ''))).toEqual([
      'steps[1].url: put quotes around a value with {{ … }}',
    ]);
    expect(await faultsOf(yaml)).toEqual(['steps[1].url: put quotes around a value with {{ … }}']);
  });

  it.each([
    ['trigger:   type: manual steps:   - type: exit', /^the YAML has lost its newlines; send it with --data-binary$/],
    ['trigger: {\n', /^the YAML is invalid: line \d+, column \d+: /],
    ['trigger:\n\ttype: manual\n', /^the YAML is invalid: line 2, column 1: indent with spaces, not with tabs$/],
    ['a: 1\na: 2\n', /line 2, column 1: this key is already there/],
    ['# nothing\n', /^the YAML is empty$/],
  ])('that cannot be read, such as %j, is a 400', async (yaml, detail) => {
    const problem = expectProblem(await hookline.api('PUT', '/v1/campaigns/gold', yaml), 400, 'body.malformed');
    expect(problem.detail).toMatch(detail);
  });

  it.each(['a: &a [*a]', 'a: &a [*a, *a, *a, *a]', '&a { x: *a, y: [*a, *a] }'])(
    'that holds itself, such as %j, is too deep',
    async (yaml) => {
      const answer = await hookline.api('PUT', '/v1/campaigns/gold', yaml);
      expect(expectProblem(answer, 422, 'input.invalid').detail).toContain('nested deeper than 64 levels');
    },
  );

  it('has its faults at the places of its JSON', async () => {
    const yaml = 'trigger: { type: manual }\nsteps:\n  - { type: delay, for: soon }\n  - { type: exit, resaon: x }\n';
    expect(await faultsOf(yaml)).toEqual([
      expect.stringMatching(/^steps\[0\]\.for: /),
      'steps[1].resaon: unknown key "resaon"; did you mean "reason"?',
    ]);
  });
});
