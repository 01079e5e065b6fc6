import { expect, it } from 'vitest';
import { mary, zoe } from './people.ts';
import { asJson, basic, type Entrant, renderExample, type WholeRequest } from './recipe.ts';

type Row = [recipe: string, step: string, who: string, entrant: Entrant, request: Omit<WholeRequest, 'method'>];

const bin = 'http://127.0.0.1:4000/bin';

/** What each webhook sends as JSON for a plain and for an awkward person; all are POST. */
it.each<Row>([
  [
    'zendesk-ticket',
    'create-ticket',
    'Mary',
    { person: mary, event: { feedback: 'It was too expensive.' } },
    {
      url: `${bin}/zendesk/api/v2/tickets.json`,
      headers: [basic('agent@example.com/token', 'zendesk-token'), asJson],
      body: {
        ticket: {
          subject: 'Acme has canceled their account.',
          comment: { body: 'It was too expensive.' },
          requester: { name: 'Mary Doe', email: 'mary@example.com' },
        },
      },
      missing: [],
    },
  ],
  [
    'zendesk-ticket',
    'create-ticket',
    'Zoë',
    { person: zoe, event: { feedback: '"Too"\n\\ expensive 💸' } },
    {
      url: `${bin}/zendesk/api/v2/tickets.json`,
      headers: [basic('agent@example.com/token', 'zendesk-token'), asJson],
      body: {
        ticket: {
          subject: 'The "A" \\ B\n{{ x }} has canceled their account.',
          comment: { body: '"Too"\n\\ expensive 💸' },
          requester: { name: `"Zoë"\r\n O'Neil\\`, email: 'zoe+"q"@example.com' },
        },
      },
      missing: [],
    },
  ],
  [
    'zendesk-ticket',
    'create-ticket',
    'somebody unknown',
    { person: {} },
    {
      url: `${bin}/zendesk/api/v2/tickets.json`,
      headers: [basic('agent@example.com/token', 'zendesk-token'), asJson],
      body: {
        ticket: {
          subject: ' has canceled their account.',
          comment: { body: 'No feedback was given.' },
          requester: { name: ' ', email: null },
        },
      },
      missing: ['customer.company_name', 'customer.firstName', 'customer.lastName', 'customer.email'],
    },
  ],
  [
    'trello-card',
    'create-card',
    'Mary',
    { person: mary },
    {
      url: `${bin}/trello/1/cards?idList=5abbe4b7ddc1b351ef961414&key=trello-key&token=trello-token`,
      headers: [asJson],
      body: { name: 'Schedule call with Mary Doe', desc: 'The customer can be reached at +15551234567.' },
      missing: [],
    },
  ],
  [
    'trello-card',
    'create-card',
    'Zoë',
    { person: zoe },
    {
      url: `${bin}/trello/1/cards?idList=5abbe4b7ddc1b351ef961414&key=trello-key&token=trello-token`,
      headers: [asJson],
      body: {
        name: `Schedule call with Zoë "Z" O'Neil 😀`,
        desc: 'The customer can be reached at +1 (555) & 😀.',
      },
      missing: [],
    },
  ],
  [
    'trello-card',
    'create-card',
    'somebody unknown',
    { person: {} },
    {
      url: `${bin}/trello/1/cards?idList=5abbe4b7ddc1b351ef961414&key=trello-key&token=trello-token`,
      headers: [asJson],
      body: { name: 'Schedule call with ', desc: 'The customer can be reached at .' },
      missing: ['customer.name', 'customer.phone'],
    },
  ],
  [
    'nps-survey',
    'send-survey',
    'Mary',
    { person: mary, event: { product: 'Tea' } },
    {
      url: `${bin}/delighted/v1/people.json`,
      headers: [basic('delighted-key', ''), asJson],
      body: { email: 'mary@example.com', name: 'Mary Doe', properties: { purchases: 3, last_product: 'Tea' } },
      missing: [],
    },
  ],
  [
    'nps-survey',
    'send-survey',
    'Zoë',
    { person: zoe },
    {
      url: `${bin}/delighted/v1/people.json`,
      headers: [basic('delighted-key', ''), asJson],
      body: {
        email: 'zoe+"q"@example.com',
        name: `Zoë "Z" <b> O'Neil\\\n\t😀`,
        properties: { purchases: '3', last_product: null },
      },
      missing: ['event.product'],
    },
  ],
  [
    'ifttt',
    'trigger-applet',
    'Mary',
    { person: mary, event: { amount: 12.5, reason: 'Card expired' } },
    {
      url: `${bin}/ifttt/trigger/payment_failed/with/key/ifttt-key`,
      headers: [asJson],
      body: { value1: 'mary@example.com', value2: 12.5, value3: 'Card expired' },
      missing: [],
    },
  ],
  [
    'ifttt',
    'trigger-applet',
    'Zoë',
    { person: zoe, event: { reason: 'bank said "no"\n\\ 🚫' } },
    {
      url: `${bin}/ifttt/trigger/payment_failed/with/key/ifttt-key`,
      headers: [asJson],
      body: { value1: 'zoe+"q"@example.com', value2: null, value3: 'bank said "no"\n\\ 🚫' },
      missing: ['event.amount'],
    },
  ],
  [
    'help-scout-conversation',
    'create-conversation',
    'Mary',
    { person: mary },
    {
      url: `${bin}/helpscout/v1/conversations.json`,
      headers: [basic('help-scout-key', 'X'), asJson],
      body: {
        type: 'email',
        customer: { email: 'mary@example.com' },
        subject: 'Low NPS rating from customer Mary Doe',
        mailbox: { id: 123456 },
        tags: ['nps'],
        status: 'active',
        createdAt: '2026-11-22',
        threads: [
          {
            type: 'customer',
            createdBy: { email: 'mary@example.com', type: 'customer' },
            body: 'Too slow. \n \n Rating: 3',
            status: 'active',
            createdAt: '2026-11-22',
          },
        ],
      },
      missing: [],
    },
  ],
  [
    'help-scout-conversation',
    'create-conversation',
    'Zoë',
    { person: zoe },
    {
      url: `${bin}/helpscout/v1/conversations.json`,
      headers: [basic('help-scout-key', 'X'), asJson],
      body: {
        type: 'email',
        customer: { email: 'zoe+"q"@example.com' },
        subject: `Low NPS rating from customer "Zoë"\r\n O'Neil\\`,
        mailbox: { id: 123456 },
        tags: ['nps'],
        status: 'active',
        createdAt: '2026-11-22',
        threads: [
          {
            type: 'customer',
            createdBy: { email: 'zoe+"q"@example.com', type: 'customer' },
            body: 'No\\n\r\n"good"\u2028👎 \n \n Rating: 0',
            status: 'active',
            createdAt: '2026-11-22',
          },
        ],
      },
      missing: [],
    },
  ],
  [
    'lifetime-value',
    'record-purchase',
    'Mary',
    { person: mary, event: { amount: 12.5, product: 'Tea' } },
    {
      url: `${bin}/shop/customers/p1/purchases`,
      headers: [asJson],
      body: { amount: 12.5, product: 'Tea' },
      missing: [],
    },
  ],
  [
    'lifetime-value',
    'record-purchase',
    'Zoë',
    { person: zoe, event: { product: 'Tea "\\" 🍵\n' } },
    {
      url: `${bin}/shop/customers/p1/purchases`,
      headers: [asJson],
      body: { amount: null, product: 'Tea "\\" 🍵\n' },
      missing: ['event.amount'],
    },
  ],
])('%s: %s sends for %s what the recipe says', async (recipe, step, _, entrant, request) => {
  expect(await renderExample(recipe, step, entrant)).toEqual({ method: 'POST', ...request });
});
