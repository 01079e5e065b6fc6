/** A stored webhook with most of its fields, for the documentation. */
export const WEBHOOK_EXAMPLE = {
  method: 'POST',
  url: 'https://sms.example.com/messages?to={{ customer.phone }}',
  auth: { bearer: '{{ secrets.sms_key }}' },
  headers: { 'X-Team': 'growth' },
  body: { json: { to: '{{ customer.phone }}', text: 'Your code is {{ trigger.code }}', urgent: true } },
  send: 'automatically',
  timeout: '4s',
  retry: { times: 10, within: '6h' },
  rateLimit: '10/s',
  response: { attributes: { last_sms: '{{ response.id }}' } },
};

/** A campaign with every type of step, for the documentation. */
export const CAMPAIGN_EXAMPLE = {
  name: 'Welcome',
  trigger: { type: 'event', event: 'signed_up', where: { 'event.plan': { in: ['gold', 'silver'] } } },
  audience: { and: [{ 'customer.mail': { exists: true } }, { not: { performed: { event: 'left', within: '30d' } } }] },
  entry: { frequency: { oncePer: '7d' }, maxConcurrent: 1 },
  timezone: 'Europe/Paris',
  defaults: { timeout: '4s', headers: { 'X-Team': 'growth' } },
  steps: [
    { type: 'delay', id: 'until-morning', until: { time: '09:00', days: ['mon', 'tue'] } },
    {
      type: 'wait',
      id: 'order',
      event: 'ordered',
      timeout: '3d',
      onTimeout: [{ type: 'delay', for: '2h' }],
    },
    {
      type: 'webhook',
      id: 'create-lead',
      url: 'https://crm.example.com/leads',
      body: { json: { name: '{{ customer.name }}' } },
      response: { attributes: { lead_id: '{{ response.id }}' } },
    },
    {
      type: 'split',
      id: 'subject',
      variants: [
        { name: 'new', percent: 50, steps: [{ type: 'update', attributes: { subject: 'new' } }] },
        { name: 'control', percent: 50, steps: [] },
      ],
    },
    {
      type: 'branch',
      cases: [{ when: { 'customer.plan': 'gold' }, steps: [{ type: 'exit', reason: 'gold already' }] }],
      otherwise: [{ type: 'exit' }],
    },
  ],
};
