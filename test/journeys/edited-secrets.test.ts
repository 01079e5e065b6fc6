import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HooklineError } from '../../domain/errors.ts';
import { respond } from '../support/behaviours.ts';
import { startDrafts, type Delivery, type Drafts } from '../support/drafts.ts';

const SECRET = 'sesame-open-now';

let drafts: Drafts;
let id: string;
let first: object;

beforeAll(async () => {
  drafts = await startDrafts();
  await drafts.hookline.api('PUT', '/v1/secrets/crm_key', { value: SECRET });
  drafts.receiver.on('/echo', respond({ json: { echo: SECRET, name: 'Lead' } }));
  first = { type: 'webhook', id: 'first', url: drafts.receiver.url('/echo') };
  const more = { headers: { 'X-Key': '{{ secrets.crm_key }}', 'X-Echo': '{{ responses.first.name }}' } };
  const tell = { type: 'webhook', id: 'tell', url: drafts.url, send: 'draft', ...more };
  const body = { json: { key: '{{ secrets.crm_key }}', echo: '{{ responses.first.echo }}' } };
  await drafts.publish('secret', {}, { steps: [first, { ...tell, body }] });
  ({ id } = await drafts.enter('secret', 'ann'));
  await drafts.hookline.api('PUT', '/v1/people/ann', { attributes: { word: 'secrets' } });
});
afterAll(() => drafts.stop());

/** As a key with the scope operate. */
async function editAsOperator(webhook: object, draft = id): Promise<Delivery | HooklineError> {
  const route = drafts.hookline.routes.find(({ method, path }) => method === 'patch' && path === '/v1/deliveries/:id');
  const caller = { key: 'desk', keyId: 'key_desk', scope: 'operate', actor: 'eve' } as const;
  try {
    const answer = await route?.handle({
      params: { id: draft },
      query: {},
      body: { webhook },
      caller,
      idempotencyKey: undefined,
      db: drafts.hookline.database.db,
    });
    return answer?.body as Delivery;
  } catch (error) {
    if (error instanceof HooklineError) return error;
    throw error;
  }
}

describe('who may not read secrets', () => {
  it('edits what names none, while all else is still rendered with them', async () => {
    expect(await editAsOperator({ url: `${drafts.url}?a=b`, headers: { 'X-New': 'new' } })).toMatchObject({
      revision: 2,
      request: {
        url: `${drafts.url}?a=b`,
        headers: { 'X-Key': '***', 'X-New': 'new' },
        body: '{"key":"***","echo":"***"}',
      },
    });
  });

  it('cannot name one, but may send a part again as it is', async () => {
    const refused = await editAsOperator({
      headers: { 'X-Key': "{{ secrets.crm_key | split: '' | join: '.' }}" },
      body: { json: { key: '{% if secrets.crm_key contains "ses" %}yes{% endif %}' } },
    });
    expect(refused).toMatchObject({
      code: 'webhooks.invalid',
      errors: [
        {
          path: 'webhook.headers.X-Key',
          message: expect.stringMatching(/^line 1, column 4: an edit may name secrets/),
        },
        {
          path: 'webhook.body.json.key',
          message: expect.stringMatching(/^line 1, column 7: an edit may name secrets/),
        },
      ],
    });
    expect(await editAsOperator({ headers: { 'X-Key': '{{ secrets.crm_key }}' } })).toMatchObject({
      request: { headers: { 'X-Key': '***' } },
    });
  });

  it.each([
    '{{ [customer.word].crm_key | split: "" | join: "." }}',
    '{% assign name = "secre" | append: "ts" %}{{ [name].crm_key | split: "" | join: "." }}',
    `{{ 'a,b' | split: ',' | group_by_exp: 'i', 'secrets.crm_key' | map: 'name' | join: '' | split: '' | join: '.' }}`,
    `{{ responses.first.echo | split: '' | join: '.' }}`,
  ])('finds none where a template computes the name, or an answer echoes one: %s', async (template) => {
    const edited = await editAsOperator({ headers: { 'X-Apart': template } });
    expect(edited).toMatchObject({ state: 'drafted' });
    expect(JSON.stringify(edited).replaceAll('.', '')).not.toContain('sesame');

    // Nor later, when somebody else edits another part.
    const { body } = await drafts.edit(id, { method: 'POST' });
    expect(JSON.stringify(body).replaceAll('.', '')).not.toContain('sesame');
    await drafts.edit(id, { headers: { 'X-Apart': null } });
  });

  it('does not choose where they go', async () => {
    const elsewhere = drafts.url.replace('127.0.0.1', 'localhost');
    const before = await drafts.delivery(id);
    const refused = await editAsOperator({ url: elsewhere });
    expect(refused).toMatchObject({ code: 'webhooks.invalid', errors: [{ path: 'webhook.url' }] });
    expect(await drafts.delivery(id)).toEqual(before);

    // Without any secret in it, the request may go elsewhere; with one again it may not.
    expect(await editAsOperator({ url: elsewhere, headers: { 'X-Key': null }, body: null })).toMatchObject({
      request: { url: elsewhere },
    });
    expect((await drafts.edit(id, { headers: { 'X-Key': '{{ secrets.crm_key }}' } })).body).toMatchObject({
      code: 'webhooks.invalid',
    });
  });

  it.each([
    ['as it is', '{{ responses.first.echo }}'],
    ['in pieces', '{{ responses.first.echo | split: "" | join: "." }}'],
  ])('does not choose where one goes that an answer echoed, %s', async (what, echo) => {
    const campaign = `echo-${what.replaceAll(' ', '-')}`;
    const tell = { type: 'webhook', id: 'tell', url: drafts.url, send: 'draft', body: { json: { echo } } };
    await drafts.publish(campaign, {}, { steps: [first, tell] });
    const draft = await drafts.enter(campaign, campaign);
    const elsewhere = drafts.url.replace('127.0.0.1', 'localhost');
    const refused = await editAsOperator({ url: elsewhere }, draft.id);
    expect(refused).toMatchObject({ code: 'webhooks.invalid', errors: [{ path: 'webhook.url' }] });

    // What they write themselves is rendered without it.
    expect(await editAsOperator({ url: elsewhere, body: { json: { mine: echo } } }, draft.id)).toMatchObject({
      request: { url: elsewhere },
    });
    await drafts.decide(draft.id, 'approve');
    await drafts.settled(draft.id, 'sent');
    expect(drafts.bodiesOf(draft.id)).toEqual([{ mine: expect.stringMatching(/^[*.]+$/) }]);
  });

  it('may move a draft without any, whose URL an admin key that sends it again makes its own', async () => {
    await drafts.publish('moved', { headers: { 'X-Team': 'growth' } });
    const draft = await drafts.enter('moved', 'moved');
    const elsewhere = drafts.url.replace('127.0.0.1', 'localhost');
    await editAsOperator({ url: elsewhere, headers: { 'x-team': 'care' } }, draft.id);
    const headers = { 'X-Key': '{{ secrets.crm_key }}' };
    expect((await drafts.edit(draft.id, { headers })).body.errors).toMatchObject([{ path: 'webhook.url' }]);
    expect((await drafts.edit(draft.id, { url: elsewhere, headers })).body).toMatchObject({
      request: { url: elsewhere, headers: { 'x-team': 'care', 'X-Key': '***' } },
    });
  });

  it('is no bar to an admin key, whose edits see them', async () => {
    const elsewhere = `${drafts.url.replace('127.0.0.1', 'localhost')}?mine`;
    const { body } = await drafts.edit(id, { url: elsewhere, body: { json: { key: '{{ secrets.crm_key }}' } } });
    expect(body).toMatchObject({ request: { url: elsewhere, body: '{"key":"***"}' } });
    await drafts.edit(id, { url: drafts.url });
    await drafts.decide(id, 'approve');
    await drafts.settled(id, 'sent');
    expect(drafts.bodiesOf(id)).toEqual([{ key: SECRET }]);
  });
});
