import { describe, expect, it } from 'vitest';
import { mary, zoe } from './people.ts';
import { asForm, asJson, renderExample } from './recipe.ts';

const bin = 'http://127.0.0.1:4000/bin';
const fields = (body: unknown) => Object.fromEntries(new URLSearchParams(String(body)));

describe('zapier-catch-hook', () => {
  const url = `${bin}/zapier/hooks/catch/123456/abcdef/`;

  it.each([
    ['a plain person', { first_name: 'Mary', age: 36, tags: ['a', 1], vip: true, nick: null }],
    ['an awkward person', zoe],
    ['a person without attributes', {}],
  ])('sends %s whole, with the types of their values', async (_, person) => {
    expect(await renderExample('zapier-catch-hook', 'send-customer', { person })).toEqual({
      method: 'POST',
      url,
      headers: [asJson],
      body: { ...person, id: 'p1' },
      missing: [],
    });
  });

  it('turns arrows into colons in the way of the documentation, and leaves them in the second webhook', async () => {
    const entrant = { person: { note: 'a => "b"' }, event: { steps: 'x=>y\n🐞' } };
    const first = await renderExample('zapier-catch-hook', 'send-customer', entrant);
    expect(first.body).toEqual({ note: 'a : "b"', id: 'p1' });
    expect(await renderExample('zapier-catch-hook', 'send-customer-and-event', entrant)).toEqual({
      method: 'POST',
      url,
      headers: [asJson],
      body: { customer: { note: 'a => "b"', id: 'p1' }, event: { name: 'bug_reported', steps: 'x=>y\n🐞' } },
      missing: [],
    });
  });
});

describe('twilio-message', () => {
  const request = {
    method: 'POST',
    url: `${bin}/twilio/2010-04-01/Accounts/AC0123456789/Messages.json`,
    headers: [['Authorization', 'Basic QUMwMTIzNDU2Nzg5OnNlc2FtZQ=='], asForm],
  };

  it('sends WhatsApp messages as a form', async () => {
    expect(await renderExample('twilio-message', 'whatsapp', { person: mary, event: { order: 17 } })).toEqual({
      ...request,
      body: 'From=whatsapp%3A%2B14155238886&To=whatsapp%3A%2B15551234567&Body=Hi+Mary%2C+your+order+17+has+shipped.',
      missing: [],
    });
  });

  it('sends an SMS as text that is a form', async () => {
    expect(await renderExample('twilio-message', 'sms', { person: mary, event: { order: 17 } })).toEqual({
      ...request,
      body: 'From=%2B14155238886&To=%2B15551234567&Body=Hi+Mary,+your+order+17+has+shipped.',
      missing: [],
    });
  });

  it.each([
    ['whatsapp', 'whatsapp:'],
    ['sms', ''],
  ])('gives back the awkward values of %s, and no field more', async (step, prefix) => {
    const order = `"A&B=1" \\ %41+\n`;
    const { body, ...rest } = await renderExample('twilio-message', step, { person: zoe, event: { order } });
    expect(rest).toEqual({ ...request, missing: [] });
    expect(fields(body)).toEqual({
      From: `${prefix}+14155238886`,
      To: `${prefix}+1 (555) & 😀`,
      Body: 'Hi Zoë "Z" <b>, your order "A&B=1" \\ %41+\n has shipped.',
    });
  });

  it.each([
    ['whatsapp', 'whatsapp:'],
    ['sms', ''],
  ])('leaves gaps in %s for what is missing', async (step, prefix) => {
    const { body, missing } = await renderExample('twilio-message', step, { person: {} });
    expect(fields(body)).toEqual({
      From: `${prefix}+14155238886`,
      To: prefix,
      Body: 'Hi , your order  has shipped.',
    });
    expect(missing).toEqual(['customer.phone', 'customer.first_name', 'event.order']);
  });
});

describe('leanplum-data', () => {
  const json = { method: 'POST', url: `${bin}/leanplum/json`, headers: [asJson] };
  const form = { method: 'POST', url: `${bin}/leanplum/form`, headers: [asForm] };

  it('sends the pairs of the documentation in both content types', async () => {
    expect(await renderExample('leanplum-data', 'as-json', { person: mary })).toEqual({
      ...json,
      body: { first_name: 'Mary', last_name: 'Doe' },
      missing: [],
    });
    expect(await renderExample('leanplum-data', 'as-form', { person: mary })).toEqual({
      ...form,
      body: 'first_name=Mary&last_name=Doe',
      missing: [],
    });
  });

  it('gives back awkward values in both', async () => {
    const values = { first_name: 'Zoë "Z" <b>', last_name: "O'Neil\\\n\t😀" };
    expect(await renderExample('leanplum-data', 'as-json', { person: zoe })).toEqual({
      ...json,
      body: values,
      missing: [],
    });
    const { body, ...rest } = await renderExample('leanplum-data', 'as-form', { person: zoe });
    expect(rest).toEqual({ ...form, missing: [] });
    expect(fields(body)).toEqual(values);
  });

  it('sends null or an empty field for what is missing', async () => {
    const person = { first_name: 'Mary' };
    const missing = ['user.last_name'];
    expect(await renderExample('leanplum-data', 'as-json', { person })).toEqual({
      ...json,
      body: { first_name: 'Mary', last_name: null },
      missing,
    });
    expect(await renderExample('leanplum-data', 'as-form', { person })).toEqual({
      ...form,
      body: 'first_name=Mary&last_name=',
      missing,
    });
  });
});

describe('leanplum-status', () => {
  it.each([
    ['Gold', 'Gold', 'Gold'],
    ['"Gold" & \\\n🥇', '%22Gold%22%20%26%20%5C%0A%F0%9F%A5%87', '%22Gold%22+%26+%5C%0A%F0%9F%A5%87'],
  ])('sends the status %j in URL and body', async (newStatus, inUrl, inForm) => {
    expect(await renderExample('leanplum-status', 'set-status', { person: mary, event: { newStatus } })).toEqual({
      method: 'POST',
      url: `${bin}/leanplum?action=setUserAttributes&userId=p1&newStatus=${inUrl}`,
      headers: [asForm],
      body: `userId=p1&currentMemberStatus=${inForm}`,
      missing: [],
    });
  });
});
