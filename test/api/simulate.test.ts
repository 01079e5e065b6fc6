import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPerson } from '../../db/people.ts';
import { entries } from '../../db/schema/campaigns.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { expectProblem } from '../support/problem.ts';

let hookline: Hookline;

beforeAll(async () => {
  hookline = await startHookline({ worker: false, relays: 0 });
  await hookline.api('PUT', '/v1/secrets/crm_key', { value: 'sesame-open-now' });
  await hookline.api('PUT', '/v1/secrets/crm_url', { value: 'https://crm.example.com/T0/sesame' });
  await hookline.api('PUT', '/v1/people/ada', { attributes: { plan: 'gold' } });
});

afterAll(() => hookline.stop());

type Entry = { outcome: string; reason: string; values: object };
type Walked = {
  state: string;
  endedAt: string;
  log: object[];
  deliveries: { request: { url: string; body: string } | null }[];
  person: object;
};
type Simulated = { entry: Entry; journey: Walked | null; warnings: string[] };
const simulate = (body: unknown) => hookline.api<Simulated>('POST', '/v1/campaigns/simulate', body);

const tour = (step: object) => ({ trigger: { type: 'manual' }, steps: [step] });
const webhook = (more: object = {}) => ({ type: 'webhook', id: 'tell', url: 'https://example.com/', ...more });
const welcome = {
  trigger: { type: 'event', event: 'signed_up', where: { 'event.plan': 'gold' } },
  audience: { 'customer.plan': 'gold' },
  entry: { frequency: 'once' },
  steps: [{ type: 'delay', id: 'wait', for: '30d' }, webhook({ url: 'https://example.com/{{ customer.id }}' })],
};

describe('POST /v1/campaigns/simulate', () => {
  it('takes a draft that holds its journey for approved, and leaves one that holds nobody', async () => {
    const held = webhook({ send: 'draft', response: { attributes: { lead: '{{ response.id }}' } } });
    const { body } = await simulate({ definition: tour(held), customer: {}, answers: { tell: { body: { id: 7 } } } });
    expect(body.journey).toMatchObject({
      log: [{ state: 'drafted' }, { what: 'approved' }, { what: 'sent' }, { what: 'completed' }],
      deliveries: [{ state: 'sent' }],
      person: { attributes: { lead: 7 } },
    });
    const free = await simulate({ definition: tour(webhook({ send: 'draft' })), customer: {} });
    expect(free.body.journey).toMatchObject({ state: 'completed', deliveries: [{ state: 'drafted' }] });
  });

  it('walks a definition that is not published, in no time, for somebody who is made up', async () => {
    const { status, body } = await simulate({
      definition: welcome,
      customer: { plan: 'gold', id: 'eve' },
      event: { data: { plan: 'gold' } },
      now: '2026-01-31T09:00:00Z',
    });
    const delivery = 'dlv_00000000-0000-7000-8000-000000000001';
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        campaign: 'tried-out',
        version: null,
        entry: { outcome: 'entered', reason: 'entered', values: { 'customer.plan': 'gold', 'event.plan': 'gold' } },
        warnings: [],
        journey: {
          state: 'completed',
          reason: null,
          startedAt: '2026-01-31T09:00:00.000Z',
          endedAt: '2026-03-02T09:00:00.000Z',
          log: [
            { at: '2026-01-31T09:00:00.000Z', step: 'wait', what: 'delayed', until: '2026-03-02T09:00:00.000Z' },
            { at: '2026-03-02T09:00:00.000Z', step: 'tell', what: 'rendered', delivery, state: 'queued' },
            { at: '2026-03-02T09:00:00.000Z', step: 'tell', what: 'sent', delivery, status: 200, attempts: 1 },
            { at: '2026-03-02T09:00:00.000Z', step: null, what: 'completed' },
          ],
          deliveries: [
            {
              id: delivery,
              state: 'sent',
              step: 'tell',
              missing: [],
              request: { method: 'POST', url: 'https://example.com/eve', headers: {}, body: null },
              answer: { status: 200, class: 'sent' },
              mapping: { state: 'none', attributes: {}, error: null },
              error: null,
            },
          ],
          person: { id: 'eve', attributes: { plan: 'gold' } },
        },
      },
    });
  });

  it('takes YAML', async () => {
    const { body } = await simulate(`
definition:
  trigger: { type: manual }
  steps:
    - { type: update, attributes: { colour: "{{ trigger.colour }}" } }
customer: { id: eve }
trigger: { colour: blue }
`);
    expect(body.journey?.person).toEqual({ id: 'eve', attributes: { colour: 'blue' } });
  });

  it.each([
    {
      why: 'where',
      event: { data: { plan: 'free' } },
      customer: { plan: 'gold' },
      outcome: 'whereFalse',
      seen: { 'event.plan': 'free' },
    },
    { why: 'audience', event: { data: { plan: 'gold' } }, customer: {}, outcome: 'notInAudience', seen: {} },
    {
      why: 'age',
      event: { data: { plan: 'gold' }, timestamp: '2020-01-01T00:00:00Z' },
      customer: { plan: 'gold' },
      outcome: 'backfilled',
      seen: { event_timestamp: '2020-01-01T00:00:00.000Z' },
    },
  ])(
    'says that nobody enters because of $why, and walks then only if told so',
    async ({ event, customer, outcome, seen }) => {
      const { body } = await simulate({ definition: welcome, event, customer });
      expect(body).toMatchObject({ entry: { outcome, reason: expect.any(String) }, journey: null });
      expect(body.entry.values).toEqual(seen);
      const walked = await simulate({ definition: welcome, event, customer, ignoreEntry: true });
      expect(walked.body).toMatchObject({ entry: { outcome }, journey: { state: 'completed' } });
    },
  );

  it('walks a published version for a stored person, and changes neither', async () => {
    await hookline.publish('painted', tour({ type: 'update', attributes: { colour: 'red' } }));
    await hookline.api('PUT', '/v1/campaigns/painted', tour({ type: 'update', attributes: { colour: 'blue' } }));
    const before = await rowCounts();
    const latest = await simulate({ campaign: 'painted', person: 'ada' });
    expect(latest.body).toMatchObject({
      version: 2,
      journey: { person: { attributes: { plan: 'gold', colour: 'blue' } } },
    });
    const first = await simulate({ campaign: 'painted', version: 1, person: 'ada' });
    expect(first.body).toMatchObject({ version: 1, journey: { person: { attributes: { colour: 'red' } } } });
    expect(await hookline.attributes('ada')).toEqual({ plan: 'gold' });
    expect(await rowCounts()).toEqual(before);
  });

  it('knows that a stored person has entered before', async () => {
    await hookline.publish('once', welcome);
    const ada = await findPerson(hookline.database.db, 'ada');
    const entry = {
      campaignId: 'once',
      personKey: ada?.key ?? '',
      cause: 'event/evt_1',
      once: true,
      journeyId: 'jrn_1',
    };
    await hookline.database.db.insert(entries).values(entry);
    const { body } = await simulate({ campaign: 'once', person: 'ada', event: { data: { plan: 'gold' } } });
    expect(body).toMatchObject({ entry: { outcome: 'frequency' }, journey: null });
  });

  it('warns of what the definition names and is not there, of a campaign that nobody enters, and of events for nobody', async () => {
    await hookline.api('PUT', '/v1/campaigns/idle', tour(webhook({ body: '"{{ event.x }}"' })));
    const { body } = await simulate({
      campaign: 'idle',
      customer: {},
      events: [{ after: '2d', name: 'bought' }],
    });
    expect(body.warnings).toEqual([
      'steps[0].body: event.x is always missing, as the trigger has no event',
      'the campaign is new, and nobody enters it',
      'events: the campaign waits for no "bought" and asks for none, so it changes nothing',
    ]);
    expect(body.journey?.state).toBe('completed');
  });
});

describe('secrets of what is tried out', () => {
  const auth = { bearer: '{{ secrets.crm_key }}' };

  it('are hidden in a published campaign as in its deliveries', async () => {
    await hookline.publish(
      'hiding',
      tour(webhook({ url: '{{ secrets.crm_url }}/leads', auth, body: { json: { key: '{{ secrets.crm_key }}' } } })),
    );
    const { body } = await simulate({ campaign: 'hiding', customer: {} });
    expect(body.journey?.deliveries[0]).toMatchObject({
      state: 'sent',
      request: { url: '***/leads', headers: { Authorization: '***' }, body: '{"key":"***"}' },
    });
  });

  it('are not even in reach of a definition that is not published, whose templates may take them apart', async () => {
    const apart = "{{ secrets.crm_key | split: '' | join: '-' }} {{ secrets.crm_url | upcase }} {{ secrets | json }}";
    const { body } = await simulate({
      definition: tour(webhook({ url: '{{ secrets.crm_url }}/leads', auth, body: { json: apart } })),
      customer: {},
    });
    expect(body.journey?.deliveries[0]).toMatchObject({
      state: 'sent',
      missing: [],
      request: { url: '***/leads', headers: { Authorization: '***' } },
    });
    expect(JSON.stringify(body).replaceAll('-', '')).not.toMatch(/sesame/i);
  });
});

describe('a simulation that cannot be', () => {
  const ok = { definition: welcome, customer: {} };
  it.each([
    [{}, [': send exactly one of campaign and definition', ': send exactly one of person and customer']],
    [
      { ...ok, campaign: 'x', person: 'ada' },
      [': send exactly one of campaign and definition', ': send exactly one of person and customer'],
    ],
    [{ ...ok, version: 1 }, ['version: is for campaign; leave it out']],
    [{ ...ok, event: { name: 'signedup' } }, ['event.name: the campaign starts on "signed_up"; leave the name out']],
    [{ ...ok, trigger: {} }, ['trigger: the campaign starts on an event; send event']],
    [
      { definition: tour(webhook()), customer: {}, event: {} },
      ['event: the campaign starts by hand; send trigger, its data'],
    ],
    [{ ...ok, answers: { tel: {} } }, ['answers.tel: no webhook has this id; did you mean "tell"?']],
    [{ ...ok, customer: { id: 7 } }, ['customer.id: write a text']],
    [
      { ...ok, events: [{ after: 'soon', name: 'x' }] },
      ['events[0].after: write a duration such as 2h or 1d12h, whole numbers with their unit (s m h d w)'],
    ],
    [
      { ...ok, answers: { tell: { statuss: 200 } } },
      ['answers.tell.statuss: unknown key "statuss"; did you mean "status"?'],
    ],
  ])('is refused with what is wrong: %j', async (body, faults) => {
    expect(expectProblem(await simulate(body), 422, 'input.invalid').faults).toEqual(faults);
  });

  it('is refused with all faults of the definition', async () => {
    const answer = await simulate({
      definition: { ...welcome, audienc: {}, steps: [{ type: 'delay' }] },
      customer: {},
    });
    expect(expectProblem(answer, 422, 'campaigns.invalid').faults).toEqual([
      'definition.steps[0].for: write either for, such as 2h, or until',
      'definition.audienc: unknown key "audienc"; did you mean "audience"?',
    ]);
  });

  it.each([
    [{ campaign: 'nowhere', person: 'ada' }, 'campaigns.not_found'],
    [{ campaign: 'painted', version: 9, person: 'ada' }, 'campaigns.not_found'],
    [{ campaign: 'painted', person: 'nobody' }, 'people.not_found'],
  ])('names what is not there: %j', async (body, code) => {
    expectProblem(await simulate(body), 404, code);
  });

  it('is refused where attributes, data or events are more than there may be', async () => {
    const attributes = { ...ok, customer: { text: 'x'.repeat(65 * 1024) } };
    expectProblem(await simulate(attributes), 413, 'people.too_large');
    const data = { ...ok, event: { data: { text: 'x'.repeat(33 * 1024) } } };
    expect(expectProblem(await simulate(data), 413, 'events.too_large').faults[0]).toMatch(/^event\.data: /);
    const events = Array.from({ length: 1_001 }, () => ({ after: '1m', name: 'x' }));
    expect((await simulate({ ...ok, events: events.slice(1) })).status).toBe(200);
    expectProblem(await simulate({ ...ok, events }), 413, 'body.too_large');
  });
});

/** How many rows there are, by table. */
async function rowCounts() {
  const { db } = hookline.database;
  const tables = await db.execute<{ name: string }>(
    sql`select tablename as name from pg_tables where schemaname = 'public'`,
  );
  return Promise.all(
    tables.map(async ({ name }) => ({
      name,
      rows: await db.execute(sql`select count(*) from ${sql.identifier(name)}`),
    })),
  );
}
