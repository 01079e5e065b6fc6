import { describe, expect, it } from 'vitest';
import { mary, zoe } from './people.ts';
import { asJson, basic, renderExample } from './recipe.ts';

const bin = 'http://127.0.0.1:4000/bin';

describe('lob-postcard', () => {
  const request = { method: 'POST', url: `${bin}/lob/v1/postcards`, headers: [basic('test_lob-key', ''), asJson] };
  const constant = {
    description: 'What a fancy postcard',
    from: {
      name: 'Your Company',
      address_line1: '123 Main St',
      address_line2: 'Ste 300',
      address_city: 'Portland',
      address_state: 'OR',
      address_zip: '97205',
      address_country: 'US',
    },
    front: 'https://example.com/postcard-front.png',
  };

  it('mails HTML inside JSON', async () => {
    expect(await renderExample('lob-postcard', 'mail-postcard', { person: mary })).toEqual({
      ...request,
      body: {
        ...constant,
        to: {
          name: 'Mary Doe',
          address_line1: '210 King St',
          address_line2: 'Apt 4',
          address_city: 'San Francisco',
          address_state: 'CA',
          address_zip: '94107',
          address_country: 'US',
        },
        back: "<html style='padding: 1in; font-size: 18;'>Hi Mary, Thanks for being our customer!</html>",
      },
      missing: [],
    });
  });

  it('keeps awkward values, lets no name become markup, and sends null for what is missing', async () => {
    expect(await renderExample('lob-postcard', 'mail-postcard', { person: zoe })).toEqual({
      ...request,
      body: {
        ...constant,
        to: {
          name: `Zoë "Z" <b> O'Neil\\\n\t😀`,
          address_line1: '1 "Rue" \\ Été\nBât. 2',
          address_line2: null,
          address_city: "L'Haÿ 🌹",
          address_state: '',
          address_zip: null,
          address_country: 'US',
        },
        back: "<html style='padding: 1in; font-size: 18;'>Hi Zoë &#34;Z&#34; &lt;b&gt;, Thanks for being our customer!</html>",
      },
      missing: ['customer.address_2', 'customer.zip'],
    });
  });

  it('is the same request with the key in the URL, as its comment writes it', async () => {
    const { headers, url } = await renderExample(
      'lob-postcard',
      'mail-postcard',
      { person: mary },
      {
        url: 'https://{{ secrets.lob_key }}:@api.lob.com/v1/postcards',
        auth: undefined,
      },
    );
    expect({ headers, url }).toEqual({ headers: request.headers, url: 'https://api.lob.com/v1/postcards' });
  });
});

describe('close-lead', () => {
  const lead = { method: 'POST', url: `${bin}/close/api/v1/lead/`, headers: [asJson] };

  it('creates a lead with all that is known', async () => {
    const more = { company_url: 'https://acme.example', description: 'Tea', jobTitle: 'CTO', source: 'ad' };
    expect(await renderExample('close-lead', 'create-lead', { person: { ...mary, ...more } })).toEqual({
      ...lead,
      body: {
        name: 'Acme',
        url: 'https://acme.example',
        description: 'Tea',
        contacts: [
          {
            name: 'Mary Doe',
            title: 'CTO',
            emails: [{ type: 'office', email: 'mary@example.com' }],
            phones: [{ type: 'office', phone: '+15551234567' }],
          },
        ],
        custom: { Source: 'ad' },
        addresses: [],
      },
      missing: [],
    });
  });

  it('creates one with awkward values and gaps', async () => {
    expect(await renderExample('close-lead', 'create-lead', { person: zoe })).toEqual({
      ...lead,
      body: {
        name: 'The "A" \\ B\n{{ x }}',
        url: '',
        description: null,
        contacts: [
          {
            name: `Zoë "Z" <b> O'Neil\\\n\t😀`,
            title: null,
            emails: [{ type: 'office', email: 'zoe+"q"@example.com' }],
            phones: [{ type: 'office', phone: '+1 (555) & 😀' }],
          },
        ],
        custom: { Source: 'Unknown' },
        addresses: [],
      },
      missing: ['customer.description', 'customer.jobTitle'],
    });
  });

  it.each([
    ['the id that came back', { ...mary, lead_id: 'lead_17' }, 'lead_17', 'Call Mary at Acme', []],
    ['no id', zoe, null, 'Call Zoë "Z" <b> at The "A" \\ B\n{{ x }}', ['customer.lead_id']],
  ])('schedules a call with %s', async (_, person, lead_id, text, missing) => {
    expect(await renderExample('close-lead', 'schedule-call', { person })).toEqual({
      method: 'POST',
      url: `${bin}/close/api/v1/task/`,
      headers: [asJson],
      body: { _type: 'lead', lead_id, text, is_complete: false },
      missing,
    });
  });
});
