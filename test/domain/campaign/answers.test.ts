import { describe, expect, it } from 'vitest';
import { keepAnswer, namedAnswers } from '../../../domain/campaign/answers.ts';
import { validateCampaign } from '../../../domain/campaign/campaign.ts';

/** What a campaign names of the answer to its webhook `lead`, where a second webhook has this text. */
function named(text: string, fields: object = {}): (string | null)[] | undefined {
  const { campaign } = validateCampaign({
    id: 'a',
    trigger: { type: 'manual' },
    steps: [
      { type: 'webhook', id: 'lead', url: 'https://example.com' },
      { type: 'webhook', id: 'tell', url: 'https://example.com', body: { json: text } },
    ],
    ...fields,
  });
  const found = namedAnswers(campaign).get('lead');
  return found && [...found];
}

describe('the answers that a campaign names', () => {
  it.each([
    ['{{ responses.lead.id }}', ['id']],
    ['{{ responses["lead"]["first name"] }}', ['first name']],
    ["{{ responses['lead'].id }}", ['id']],
    ['{{ responses.lead.address.city | upcase }}', ['address']],
    ['{{ responses.lead.naïve }}', ['naïve']],
    ['{{\nresponses.lead.id }}', ['id']],
    ['{% if responses.lead.id == 1 %}{{ responses.lead.name }}{% endif %}', ['id', 'name']],
    ['{{ "x" | append: responses.lead.id }}', ['id']],
    ['{% assign answer = responses.lead %}{{ answer.id }}', [null]],
    ['{{ responses.lead }}', [null]],
    ['{{ responses.lead[customer.field] }}', [null]],
    ['{% for item in responses.lead.items %}{{ item }}{% endfor %}', ['items']],
    ['{{ responses[customer.step].id }}', ['id']],
    ['{{ responses | json }}', [null]],
  ])('%s', (text, fields) => {
    expect(named(text)).toEqual(fields);
  });

  it.each([
    ['no template at all: responses.lead.id'],
    ['{{ "responses.lead.id" }}'],
    ['{{ customer.responses.lead }}'],
  ])('nothing in %s', (text) => {
    expect(named(text)).toBeUndefined();
  });

  it('in a condition, at any depth', () => {
    const steps = [
      { type: 'webhook', id: 'lead', url: 'https://example.com' },
      {
        type: 'branch',
        cases: [
          { when: { or: [{ 'responses.lead.score': { gte: 3 } }, { 'responses.lead.http.status': 201 }] }, steps: [] },
        ],
      },
    ];
    expect(named('', { steps })).toEqual(['score', 'http']);
  });

  it('in an update, in a mapping, and in what all webhooks share', () => {
    const steps = [
      { type: 'webhook', id: 'lead', url: 'https://example.com' },
      { type: 'update', attributes: { a: '{{ responses.lead.one }}' } },
      {
        type: 'webhook',
        id: 'tell',
        url: 'https://example.com',
        response: { attributes: { b: '{{ responses.lead.two }}' } },
      },
    ];
    const defaults = { headers: { 'X-Lead': '{{ responses.lead.three }}' } };
    expect(named('', { steps, defaults })?.sort()).toEqual(['one', 'three', 'two']);
  });
});

describe('the part of an answer that is kept', () => {
  it('is the named fields of an object', () => {
    expect(keepAnswer(new Set(['id']), 201, { id: 7, secret: 'x' })).toEqual({
      http: { status: 201 },
      body: { id: 7 },
    });
  });

  it('is the whole body where that is named', () => {
    expect(keepAnswer(new Set([null, 'id']), 200, { id: 7, more: 1 })).toEqual({
      http: { status: 200 },
      body: { id: 7, more: 1 },
    });
  });

  it.each([['a text'], [null], [[1, 2]], [5]])('is the whole of a body that has no fields: %j', (body) => {
    expect(keepAnswer(new Set(['id']), 200, body)).toEqual({ http: { status: 200 }, body });
  });

  it.each([
    ['text with NUL', 'a\0b'],
    ['half a character', '\ud83d'],
    ['more levels than anybody needs', JSON.parse('['.repeat(65) + ']'.repeat(65)) as []],
  ])('leaves a field out that has %s, and keeps the others', (_, odd) => {
    expect(keepAnswer(new Set(['id', 'odd']), 200, { id: 7, odd }).body).toEqual({ id: 7 });
    expect(keepAnswer(new Set([null]), 200, { id: 7, odd }).body).toBeNull();
  });

  it('lacks a field that the answer lacks', () => {
    expect(keepAnswer(new Set(['id']), 204, {})).toEqual({ http: { status: 204 }, body: {} });
  });
});
