import { describe, expect, it } from 'vitest';
import { templatesIn } from '../../../domain/campaign/references.ts';
import { entryRules, findStep, validateCampaign } from '../../../domain/campaign/campaign.ts';
import { parseYaml } from '../../../domain/input/yaml.ts';

const GOLD = `
name: Tell the CRM about new gold members
trigger:
  type: event
  event: updateStatus
  where: { event.newStatus: Gold }
audience: { customer.plan: { ne: trial } }
entry: { frequency: everyTime, maxConcurrent: 100 }
timezone: Europe/Paris
defaults: { timeout: 4s }
steps:
  - type: delay
    for: 1h
  - type: webhook
    id: create-lead
    url: "https://api.example.com/leads/{{ customer.id }}"
    body: { json: { name: "{{ customer.first_name }}", status: "{{ event.newStatus }}" } }
    response: { attributes: { lead_id: "{{ response.id }}" } }
  - type: branch
    cases:
      - when: { responses.create-lead.http.status: 201 }
        steps:
          - type: update
            attributes: { leads: "{{ customer.leads | plus: 1 }}" }
          - type: branch
            id: by-plan
            cases: [{ when: { customer.plan: gold }, steps: [{ type: delay, for: 1d }] }]
    otherwise:
      - { type: exit, reason: no lead }
`;

describe('a valid campaign', () => {
  it('comes back as it was written, with the id of its path and ids by place where there were none', () => {
    const { campaign, warnings } = validateCampaign(parseYaml(GOLD), 'gold-members');
    expect(warnings).toEqual([]);
    expect(campaign).toEqual({
      id: 'gold-members',
      name: 'Tell the CRM about new gold members',
      trigger: { type: 'event', event: 'updateStatus', where: { 'event.newStatus': 'Gold' } },
      audience: { 'customer.plan': { ne: 'trial' } },
      entry: { frequency: 'everyTime', maxConcurrent: 100 },
      timezone: 'Europe/Paris',
      defaults: { timeout: '4s' },
      steps: [
        { type: 'delay', id: 'step-1', for: '1h' },
        {
          type: 'webhook',
          id: 'create-lead',
          url: 'https://api.example.com/leads/{{ customer.id }}',
          body: { json: { name: '{{ customer.first_name }}', status: '{{ event.newStatus }}' } },
          response: { attributes: { lead_id: '{{ response.id }}' } },
        },
        {
          type: 'branch',
          id: 'step-3',
          cases: [
            {
              when: { 'responses.create-lead.http.status': 201 },
              steps: [
                { type: 'update', id: 'step-3-case-1-step-1', attributes: { leads: '{{ customer.leads | plus: 1 }}' } },
                {
                  type: 'branch',
                  id: 'by-plan',
                  cases: [
                    {
                      when: { 'customer.plan': 'gold' },
                      steps: [{ type: 'delay', id: 'step-3-case-1-step-2-case-1-step-1', for: '1d' }],
                    },
                  ],
                },
              ],
            },
          ],
          otherwise: [{ type: 'exit', id: 'step-3-otherwise-step-1', reason: 'no lead' }],
        },
      ],
    });
  });

  it('is the same when it is validated again', () => {
    const { campaign } = validateCampaign(parseYaml(GOLD), 'gold-members');
    expect(validateCampaign(campaign, 'gold-members').campaign).toEqual(campaign);
  });

  it('leaves the input alone', () => {
    const input = { id: 'a', trigger: { type: 'manual' }, steps: [{ type: 'exit' }] };
    validateCampaign(input);
    expect(input).toEqual({ id: 'a', trigger: { type: 'manual' }, steps: [{ type: 'exit' }] });
  });

  it('gives its steps by id, at any depth', () => {
    const { campaign } = validateCampaign(parseYaml(GOLD), 'gold-members');
    expect(findStep(campaign, 'step-3-case-1-step-2-case-1-step-1')).toMatchObject({ type: 'delay', for: '1d' });
    expect(findStep(campaign, 'step-3-otherwise-step-1')).toMatchObject({ type: 'exit' });
    expect(findStep(campaign, 'step-4')).toBeUndefined();
  });
});

describe('the entry rules', () => {
  it.each([
    [{ type: 'manual' as const }, undefined, { frequency: 'everyTime', maxConcurrent: 100, maxPerHour: 1000 }],
    [{ type: 'manual' as const }, {}, { frequency: 'everyTime', maxConcurrent: 100, maxPerHour: 1000 }],
    [
      { type: 'event' as const, event: 'go' },
      { frequency: 'once' as const, maxPerHour: 5 },
      { frequency: 'once', maxConcurrent: 100, maxPerHour: 5 },
    ],
    [{ type: 'attribute' as const, attribute: 'plan' }, {}, { frequency: 'once', maxConcurrent: 1, maxPerHour: 1000 }],
    [
      { type: 'segment' as const, segment: 'gold', change: 'enter' as const },
      { frequency: { oncePer: '7d' }, maxConcurrent: 3 },
      { frequency: { oncePer: '7d' }, maxConcurrent: 3, maxPerHour: 1000 },
    ],
  ])('of the trigger %j and %j are %j', (trigger, entry, rules) => {
    expect(entryRules({ trigger, entry })).toEqual(rules);
  });
});

describe('a warning', () => {
  it('is an event that the trigger does not have', () => {
    const { warnings } = validateCampaign({
      id: 'a',
      trigger: { type: 'manual' },
      audience: { 'event.plan': 'gold' },
      defaults: { headers: { 'X-Status': '{{ event.status }}' } },
      steps: [
        { type: 'webhook', id: 'send', url: 'https://example.com/{{ event.id }}' },
        { type: 'branch', cases: [{ when: { or: [{ 'event.x': 1 }] }, steps: [] }] },
      ],
    });
    expect(warnings).toEqual([
      'audience: event.plan is always missing, as the trigger has no event',
      'steps[1].cases[0].when: event.x is always missing, as the trigger has no event',
      'steps[0].url: event.id is always missing, as the trigger has no event',
      'defaults.headers.X-Status: event.status is always missing, as the trigger has no event',
    ]);
  });

  it('is found in no time in a text that is full of brackets', () => {
    expect(templatesIn('{{ '.repeat(300_000), 'steps[0].url')).toEqual([]);
  });

  it('is the data of a trigger that brings none', () => {
    const steps = [{ type: 'update', attributes: { code: '{{ trigger.code }}' } }];
    const where = { 'trigger.code': 1 };
    const warningsOf = (trigger: object) => validateCampaign({ id: 'a', trigger, audience: where, steps }).warnings;
    const missing = 'trigger.code is always missing, as only a manual trigger brings data';
    expect(warningsOf({ type: 'event', event: 'x' })).toEqual([
      `audience: ${missing}`,
      `steps[0].attributes.code: ${missing}`,
    ]);
    expect(warningsOf({ type: 'manual' })).toEqual([]);
  });

  it('is a rule that does nothing', () => {
    const trigger = { type: 'attribute', attribute: 'plan', from: 'gold', to: 'gold' };
    const rules = { id: 'a', trigger, exit: { whenNotInAudience: true }, steps: [{ type: 'exit' }] };
    expect(validateCampaign(rules).warnings).toEqual([
      'trigger: from and to are the same value, so nobody enters',
      'exit.whenNotInAudience: there is no audience, so nobody leaves',
    ]);
    expect(
      validateCampaign({ ...rules, trigger: { ...trigger, to: 1 }, audience: { 'customer.x': 1 } }).warnings,
    ).toEqual([]);
  });

  it('is no event that a condition counts', () => {
    const { warnings } = validateCampaign({
      id: 'a',
      trigger: { type: 'manual' },
      audience: { performed: { event: 'bought', where: { 'event.total': { gt: 9 }, not: { 'event.gift': true } } } },
      steps: [{ type: 'exit' }],
    });
    expect(warnings).toEqual([]);
  });

  it('is an answer in a template that comes later', () => {
    const { warnings } = validateCampaign({
      id: 'a',
      trigger: { type: 'event', event: 'x' },
      steps: [
        { type: 'update', attributes: { a: '{{ responses.send.id }}' } },
        { type: 'webhook', id: 'send', url: 'https://example.com' },
        { type: 'update', attributes: { b: '{{ responses.send.id }}' } },
      ],
    });
    expect(warnings).toEqual([
      'steps[0].attributes.a: responses.send.id: no webhook with the id "send" comes before this',
    ]);
  });
});
