import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { respond } from '../support/behaviours.ts';
import type { Journey } from '../support/journeys.ts';
import { startDrafts, type Drafts } from '../support/drafts.ts';

let drafts: Drafts;

beforeAll(async () => {
  drafts = await startDrafts();
});
afterAll(() => drafts.stop());

const LEAD = { response: { attributes: { lead: '{{ response.lead }}' } } };
const PLAN = { response: { attributes: { plan: '{{ response.plan }}' } } };

describe('a draft that is rendered again', () => {
  it('is what the current version makes of the person as of now, while others stay as they were', async () => {
    await drafts.publish('news', { body: { json: { old: '{{ customer.name }}' } }, ...LEAD });
    const [ann, bob] = [await drafts.enter('news', 'ann'), await drafts.enter('news', 'bob')];
    await drafts.edit(ann.id, { method: 'PUT' });
    await drafts.republish('news', { body: { json: { new: '{{ customer.name }}' } }, timeout: '9s', ...PLAN });
    await drafts.hookline.api('PUT', '/v1/people/ann', { attributes: { name: 'Ann' } });
    expect(await drafts.delivery(bob.id)).toMatchObject({ version: 1, revision: 1 });

    const filter = { campaign: 'news', version: 1, person: 'ann' };
    expect((await drafts.rerender({ filter, dryRun: true })).body).toMatchObject({ matched: 1 });
    expect(await drafts.rerender({ filter, expect: 1, reason: 'new words' })).toMatchObject({
      status: 200,
      body: { decided: 1, refused: [] },
    });
    expect(await drafts.delivery(bob.id)).toMatchObject({ version: 1, revision: 1 });
    expect(await drafts.delivery(ann.id)).toMatchObject({
      state: 'drafted',
      version: 2,
      revision: 3,
      request: { method: 'POST', body: '{"new":"Ann"}' },
      mapping: { state: 'pending' },
    });
    expect((await drafts.decide(ann.id, 'approve', { revision: 2 })).body.code).toBe('deliveries.revision');
    await drafts.decide(ann.id, 'approve', { revision: 3 });
    expect(await drafts.hookline.ended('ann')).toMatchObject({
      version: 1,
      log: [
        { what: 'rendered' },
        { what: 'edited', revision: 2, version: 1 },
        { what: 'rerendered', revision: 3, version: 2, by: { key: 'admin' }, reason: 'new words' },
        { what: 'approved' },
        { what: 'sent' },
        { what: 'completed' },
      ],
    });
    expect(drafts.bodiesOf(ann.id)).toEqual([{ new: 'Ann' }]);
    expect(await drafts.hookline.attributes('ann')).toEqual({ name: 'Ann', plan: 'gold' });
  });

  it('is refused by its code, and stays as it was, where it has no step or does not render', async () => {
    await drafts.publish('gone');
    await drafts.publish('broken');
    const [gone, broken, done] = [
      await drafts.enter('gone', 'cat'),
      await drafts.enter('broken', 'cat'),
      await drafts.enter('broken', 'dan'),
    ];
    await drafts.republish('gone', {}, { steps: [{ type: 'exit', id: 'tell' }] });
    await drafts.republish('broken', { url: `${drafts.url}/{{ customer.nick }}/x` });
    await drafts.decide(done.id, 'discard');
    const before = await Promise.all([gone, broken].map(({ id }) => drafts.delivery(id)));
    expect((await drafts.rerender({ ids: [gone.id, broken.id, done.id, 'dlv_unknown'] })).body).toEqual({
      decided: 0,
      refused: [
        { id: gone.id, code: 'deliveries.step_gone' },
        { id: broken.id, code: 'render.missing_variable' },
        { id: done.id, code: 'deliveries.not_drafted' },
        { id: 'dlv_unknown', code: 'deliveries.not_found' },
      ],
    });
    expect(await Promise.all([gone, broken].map(({ id }) => drafts.delivery(id)))).toEqual(before);
  });

  it('still holds its journey where the new version has no mapping', async () => {
    await drafts.publish('unmapped', LEAD);
    const { id, journey } = await drafts.enter('unmapped', 'eve');
    await drafts.republish('unmapped', {});
    await drafts.rerender({ ids: [id] });
    expect((await drafts.delivery(id)).mapping.state).toBe('none');
    expect((await drafts.hookline.api('GET', `/v1/journeys/${journey}`)).body).toMatchObject({
      state: 'awaitingApproval',
    });
    await drafts.decide(id, 'approve');
    expect(await drafts.hookline.ended('eve')).toMatchObject({ state: 'completed' });
    expect(drafts.bodiesOf(id)).toEqual([{ id: 'eve' }]);
    expect(await drafts.hookline.attributes('eve')).toEqual({});
  });

  it('that holds no journey is sent, and mapped, where the new version has a mapping', async () => {
    await drafts.publish('mapped', {}, { steps: [tell({}), { type: 'delay', for: '30d' }] });
    const { id } = await drafts.enter('mapped', 'fay');
    await drafts.republish('mapped', LEAD);
    await drafts.rerender({ ids: [id] });
    await drafts.decide(id, 'approve');
    await drafts.settled(id, 'sent');
    expect(await drafts.hookline.attributes('fay')).toEqual({ lead: 7 });
  });

  it('keeps of the answer what later steps of its journey read, which stays on its own version', async () => {
    const last = { type: 'update', id: 'last', attributes: { said: '{{ responses.tell.name }}' } };
    await drafts.publish('later', {}, { steps: [tell(LEAD), last] });
    const { id } = await drafts.enter('later', 'gil');
    await drafts.republish('later', LEAD);
    await drafts.rerender({ ids: [id] });
    await drafts.decide(id, 'approve');
    await drafts.hookline.ended('gil');
    expect(await drafts.hookline.attributes('gil')).toEqual({ lead: 7, said: 'Lead' });
  });

  it('lets no later step keep or show a secret that its own version did not have, and the answer echoes', async () => {
    const said = '{{ responses.tell.said }}';
    const steps = (fields: object) => [
      { ...tell(fields), url: drafts.receiver.url('/echo') },
      { type: 'update', id: 'keep', attributes: { said } },
      { type: 'branch', id: 'ask', cases: [{ when: { 'responses.tell.said': 'no' }, steps: [] }] },
      { type: 'webhook', id: 'tell-on', url: drafts.url, body: { json: { said } } },
    ];
    const secret = 'a-secret-of-the-next-version';
    drafts.receiver.on('/echo', (socket, request) =>
      respond({ json: { said: request.headers['authorization'] } })(socket, request),
    );
    await drafts.hookline.api('PUT', '/v1/secrets/token', { value: secret });
    await drafts.publish('echoed', {}, { steps: steps(LEAD) });
    const { id } = await drafts.enter('echoed', 'ida');
    await drafts.republish('echoed', {}, { steps: steps({ ...LEAD, auth: { bearer: '{{ secrets.token }}' } }) });
    await drafts.rerender({ ids: [id] });
    await drafts.decide(id, 'approve');
    const { log } = (await drafts.hookline.ended('ida')) as Journey;
    expect(log.map(({ what }) => what)).toEqual(expect.arrayContaining(['updated', 'branched', 'sent', 'completed']));
    expect(drafts.receiver.requests.at(-1)?.body.toString()).toContain(secret);
    const { body } = await drafts.hookline.api('GET', '/v1/deliveries?person=ida&include=bodies');
    expect(JSON.stringify([log, body, await drafts.hookline.attributes('ida')])).not.toContain(secret);
  });
});

describe('a draft without a campaign', () => {
  it('is edited, rendered again from the stored webhook, and keeps that from being deleted', async () => {
    const { api } = drafts.hookline;
    const stored = (word: string) => ({
      url: drafts.url,
      body: { json: { [word]: '{{ trigger.code }}' } },
      send: 'draft',
    });
    await api('PUT', '/v1/people/hal', { attributes: {} });
    await api('PUT', '/v1/webhooks/welcome', stored('old'));
    const sent = await api<{ delivery: { id: string } }>('POST', '/v1/webhooks/welcome/send', {
      person: 'hal',
      data: { code: 7 },
    });
    const { id } = sent.body.delivery;
    expect(await drafts.edit(id, { method: 'PUT' })).toMatchObject({
      status: 200,
      body: { revision: 2, request: { method: 'PUT', body: '{"old":7}' } },
    });
    await api('PUT', '/v1/webhooks/welcome', { ...stored('new'), ...LEAD });
    expect((await drafts.rerender({ ids: [id] })).body).toEqual({ decided: 1, refused: [] });
    expect(await drafts.delivery(id)).toMatchObject({ revision: 3, version: 2, request: { method: 'POST' } });

    expect((await api('DELETE', '/v1/webhooks/welcome')).status).toBe(409);
    await drafts.decide(id, 'approve', { revision: 3 });
    await drafts.settled(id, 'sent');
    expect((await api('DELETE', '/v1/webhooks/welcome')).status).toBe(200);
    expect(drafts.bodiesOf(id)).toEqual([{ new: 7 }]);
    expect(await drafts.hookline.attributes('hal')).toEqual({ lead: 7 });
  });
});

const tell = (fields: object) => ({ type: 'webhook', id: 'tell', url: drafts.url, send: 'draft', ...fields });
