import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDrafts, type Drafts } from '../support/drafts.ts';
import { expectProblem } from '../support/problem.ts';

let drafts: Drafts;

beforeAll(async () => {
  drafts = await startDrafts();
});
afterAll(() => drafts.stop());

const MAPPED = { response: { attributes: { lead: '{{ response.lead }}' } } };

describe('an edited draft', () => {
  it('is rendered with the person as of now, and sent with the edited bytes once it is approved', async () => {
    const { hookline, url } = drafts;
    await drafts.publish('held', { headers: { 'X-Team': 'growth', 'X-Other': 'same' }, ...MAPPED });
    const { id, journey } = await drafts.enter('held', 'ann');
    await hookline.api('PUT', '/v1/people/ann', { attributes: { name: 'Ann' } });
    const webhook = {
      method: 'PUT',
      url: `${url}?of={{ event_name }}`,
      headers: { 'x-team': 'care', 'X-Other': null },
      body: { json: { z: '{{ customer.name }}', a: '{{ customer.nick }}' } },
    };
    const edited = await drafts.edit(id, webhook, { revision: 1, reason: 'she has a name now' });
    expect(edited).toMatchObject({
      status: 200,
      body: {
        id,
        state: 'drafted',
        revision: 2,
        version: 1,
        missing: ['customer.nick'],
        mapping: { state: 'pending' },
        request: {
          method: 'PUT',
          url: `${url}?of=held`,
          headers: { 'x-team': 'care', 'Content-Type': 'application/json' },
          body: '{"z":"Ann","a":null}',
        },
      },
    });
    expect(edited.body.request.headers).not.toHaveProperty('X-Other');

    // The next edit is merged over this one.
    await drafts.edit(id, { method: 'POST' });
    expect((await drafts.decide(id, 'approve', { revision: 2 })).body.code).toBe('deliveries.revision');
    expect((await drafts.decide(id, 'approve', { revision: 3 })).status).toBe(200);
    expect(await hookline.ended('ann')).toMatchObject({
      id: journey,
      state: 'completed',
      log: [
        { what: 'rendered', step: 'tell' },
        {
          what: 'edited',
          step: 'tell',
          delivery: id,
          revision: 2,
          fields: ['method', 'url', 'headers', 'body'],
          by: { key: 'admin', actor: null },
          reason: 'she has a name now',
        },
        { what: 'edited', revision: 3, fields: ['method'], reason: null },
        { what: 'approved' },
        { what: 'sent' },
        { what: 'completed' },
      ],
    });
    expect(drafts.bodiesOf(id)).toEqual([{ z: 'Ann', a: null }]);
    expect(await hookline.attributes('ann')).toEqual({ name: 'Ann', lead: 7 });
    expect((await drafts.edit(id, {})).body.code).toBe('deliveries.not_drafted');
  });

  it('is shown without what Postgres cannot hold, and so is one that is rendered again', async () => {
    const body = '"{{ customer.name | split: "" | first }}"';
    await drafts.publish('cut', { body: '{}' });
    await drafts.hookline.api('PUT', '/v1/people/emil', { attributes: { name: '\u{1F600} Emil' } });
    const { id } = await drafts.enter('cut', 'emil');
    const shown = { request: { body: '"\uFFFD"' } };
    expect(await drafts.edit(id, { body })).toMatchObject({ status: 200, body: shown });
    await drafts.republish('cut', { body });
    expect((await drafts.rerender({ ids: [id] })).body).toEqual({ decided: 1, refused: [] });
    expect(await drafts.delivery(id)).toMatchObject({ revision: 3, ...shown });
  });

  it('loses its body, its headers and its own authorization where they are null', async () => {
    await drafts.publish(
      'bare',
      { auth: { bearer: 'own' }, headers: { 'X-A': 'a' } },
      { defaults: { auth: { bearer: 'default' }, headers: { 'X-B': 'b' } } },
    );
    const { id } = await drafts.enter('bare', 'bea');
    const { body } = await drafts.edit(id, { method: 'GET', auth: null, headers: null, body: null });
    expect(body.request).toEqual({
      method: 'GET',
      url: drafts.url,
      headers: { 'X-B': 'b', Authorization: '***' },
      body: null,
    });
    await drafts.decide(id, 'approve');
    await drafts.settled(id, 'sent');
    const sent = drafts.receiver.requests.find(({ headers }) => headers['idempotency-key'] === id);
    expect(sent).toMatchObject({ method: 'GET', headers: { authorization: 'Bearer default', 'x-b': 'b' } });
  });

  it('stays as it was when the edit is invalid, does not render or may not be sent', async () => {
    await drafts.publish('careful', { headers: { 'Content-Type': 'application/json' } });
    const { id } = await drafts.enter('careful', 'cat');
    const before = await drafts.delivery(id);
    const invalid = await drafts.edit(id, {
      url: 'http://10.0.0.1/',
      headers: { Host: 'x', 'X-A': '{{ a | upcas }}' },
      body: { form: { a: 'b' } },
      timeout: '9s',
      bdy: 1,
    });
    expect(expectProblem(invalid, 422, 'webhooks.invalid').faults).toEqual([
      'webhook.timeout: stays as the version has it; only method, url, auth, headers, body can be edited',
      'webhook.bdy: unknown key "bdy"; did you mean "body"?',
      'webhook.headers.X-A: line 1, column 8: unknown filter "upcas"; did you mean "upcase"?',
      expect.stringMatching(/^webhook\.url: 10\.0\.0\.1 is not allowed: /),
      'webhook.headers.Host: is set by Hookline and cannot be given; leave it out',
      expect.stringMatching(/^webhook\.headers\.Content-Type: contradicts the body: /),
    ]);
    expectProblem(await drafts.edit(id, undefined), 422, 'webhooks.invalid');
    expectProblem(await drafts.edit(id, { url: null }), 422, 'webhooks.invalid');

    for (const [webhook, code, faults] of [
      [{ url: `${drafts.url}/{{ customer.nick }}/x` }, 'render.missing_variable', [/^webhook\.url: line 1, column/]],
      [{ body: { text: '{"a": "{{ event_name }}{{ nothing }}}' } }, 'render.invalid_json', [/^webhook\.body\.text: /]],
      [{ headers: { 'X-Line': '{{ "a\nb" }}' } }, 'render.invalid_header', [/^webhook\.headers\.X-Line: /]],
    ] as const) {
      expect(expectProblem(await drafts.edit(id, webhook), 422, code).faults).toEqual(
        faults.map((fault) => expect.stringMatching(fault)),
      );
    }
    expect(await drafts.delivery(id)).toEqual(before);
    await drafts.decide(id, 'approve', { revision: 1 });
    await drafts.settled(id, 'sent');
    expect(drafts.bodiesOf(id)).toEqual([{ id: 'cat' }]);
  });

  it('that is unknown, or expired, is refused with its own code', async () => {
    expectProblem(await drafts.edit('dlv_unknown', {}), 404, 'deliveries.not_found');
    await drafts.publish('short', { draftExpiry: '4s' });
    const { id } = await drafts.enter('short', 'eve');
    await drafts.settled(id, 'discarded');
    expectProblem(await drafts.edit(id, {}), 409, 'deliveries.not_drafted');
  });
});

describe('edits at once', () => {
  it('each count once, or are refused by the revision that they name', async () => {
    await drafts.publish('busy', { headers: { 'X-A': '0' } });
    const { id } = await drafts.enter('busy', 'bob');
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
    const answers = await Promise.all(
      numbers.map((n) => drafts.edit(id, { headers: { 'X-A': `${n}` }, body: { json: { n } } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(numbers.map(() => 200));
    const { revision, request } = await drafts.delivery(id);
    expect(revision).toBe(21);
    expect(JSON.parse(request.body ?? '')).toEqual({ n: Number(request.headers['X-A']) });

    const named = await Promise.all(numbers.map((n) => drafts.edit(id, { body: { json: { n } } }, { revision: 21 })));
    expect(named.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(named.filter(({ body }) => body.code === 'deliveries.revision')).toHaveLength(19);
    expect((await drafts.delivery(id)).revision).toBe(22);
  });

  it('and an approval: what is sent is the revision that was approved', async () => {
    await drafts.publish('raced', MAPPED);
    for (let round = 0; round < 12; round += 1) {
      const { id } = await drafts.enter('raced', `racer-${round}`);
      const [edited, approved] = await Promise.all([
        drafts.edit(id, { body: { json: { edited: true } } }),
        drafts.decide(id, 'approve', round % 2 === 0 ? { revision: 1 } : undefined),
      ]);
      if (approved.status === 409) await drafts.decide(id, 'approve');
      await drafts.settled(id, 'sent');
      const { revision } = await drafts.delivery(id);
      expect(edited.status === 200 ? 2 : 1).toBe(revision);
      expect(drafts.bodiesOf(id)).toEqual([revision === 2 ? { edited: true } : { id: `racer-${round}` }]);
    }
  });
});
