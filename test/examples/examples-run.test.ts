import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRequestBin, type RequestBin } from '../../embedded/request-bin.ts';
import { eventually } from '../support/eventually.ts';
import { startHookline, type Hookline } from '../support/hookline.ts';
import { secrets } from './recipe.ts';

type Journeys = { data: { id: string; campaign: string; endedAt: string | null }[] };

const DAY_MS = 24 * 3_600_000;

let hookline: Hookline;
let bin: RequestBin;

beforeAll(async () => {
  [hookline, bin] = await Promise.all([startHookline(), startRequestBin()]);
  // At nine in UTC the birthday of the page is a day old and lets nobody in any more: no test goes on over it.
  const untilNineMs = DAY_MS - ((Date.now() + DAY_MS - 9 * 3_600_000) % DAY_MS);
  if (untilNineMs <= 30_000) await sleep(untilNineMs + 100);
});

afterAll(async () => {
  await hookline.stop();
  await bin.close();
});

type Request = { method: string; path: string; body: unknown };

/** The requests of docs/examples.md that have a body: those before, and those under "Then this makes it happen", in their order. */
async function requestsOfPage(): Promise<{ before: Request[]; happening: Request[] }> {
  const page = await readFile('docs/examples.md', 'utf8');
  const [before = '', happening = ''] = page.split('Then this makes it happen');
  return { before: requestsIn(before), happening: requestsIn(happening) };
}

const requestsIn = (part: string): Request[] =>
  [...part.matchAll(/^curl -X (\w+) \$v1(\S+) .* -d '(.*)'$/gm)].map(([, method = '', path = '', body = '']) => ({
    method,
    path: `/v1${path}`,
    body: JSON.parse(withDay(body)) as unknown,
  }));

/** What the page has Node print for the shell. */
const withDay = (body: string) =>
  body.replace(/'\$\(node -p '[^']*'\)'/, new Date(Date.now() - 9 * 3_600_000).toISOString().slice(5, 10));

/** Mary's journeys once there are so many and all have ended. */
const endedJourneys = async (count: number) =>
  eventually(async () => {
    const { data } = (await hookline.api<Journeys>('GET', '/v1/journeys?person=mary&limit=100')).body;
    return data.length === count && data.every(({ endedAt }) => endedAt !== null) && data;
  });

it('every example does as docs/examples.md says, and all its webhooks are sent', async () => {
  for (const [name, value] of Object.entries({ ...secrets, bin_url: `${bin.origin}/bin` })) {
    await hookline.api('PUT', `/v1/secrets/${name}`, { value });
  }
  const names = (await readdir('examples')).map((file) => file.replace(/\.yaml$/, ''));
  const { before, happening: requests } = await requestsOfPage();
  for (const { method, path, body } of before.filter((request) => request.path.startsWith('/v1/segments/'))) {
    expect((await hookline.api(method, path, body)).status).toBe(200);
  }
  for (const name of names) await hookline.publish(name, await readFile(`examples/${name}.yaml`, 'utf8'));
  for (const { method, path, body } of requests) {
    expect((await hookline.api(method, path, body)).status).toBeLessThan(300);
  }
  // A schedule goes off on its own day.
  const begun = names.filter((name) => name !== 'weekly-digest');
  const first = await endedJourneys(begun.length);
  expect(new Set(first.map(({ campaign }) => campaign))).toEqual(new Set(begun));

  // Two purchases more: the value grows, the survey goes out, and there is no second postcard.
  const purchase = requests.find(({ body }) => JSON.stringify(body).includes('"purchased"'));
  for (const more of [2, 4]) {
    await hookline.api('POST', '/v1/events', purchase?.body);
    await endedJourneys(begun.length + more);
  }
  const sent: Record<string, string[]> = {};
  for (const { id, campaign } of await endedJourneys(begun.length + 4)) {
    const { deliveries } = (await hookline.api<{ deliveries: string[] }>('GET', `/v1/journeys/${id}`)).body;
    for (const delivery of deliveries) {
      const { body } = await hookline.api<{ state: string }>('GET', `/v1/deliveries/${delivery}`);
      sent[campaign] = [...(sent[campaign] ?? []), body.state];
    }
  }
  expect(sent).toEqual({
    'birthday-voucher': ['sent'],
    'gold-welcome': ['sent'],
    'cart-reminder': ['sent', 'sent'],
    'close-lead': ['sent', 'sent'],
    'help-scout-conversation': ['sent'],
    ifttt: ['sent'],
    'leanplum-data': ['sent', 'sent'],
    'leanplum-status': ['sent'],
    'lifetime-value': ['sent', 'sent', 'sent'],
    'lob-postcard': ['sent'],
    'nps-survey': ['sent'],
    'trello-card': ['sent'],
    'twilio-message': ['sent'],
    'zapier-catch-hook': ['sent', 'sent'],
    'zendesk-ticket': ['sent'],
  });
  expect(await hookline.attributes('mary')).toMatchObject({
    lead_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    currentMemberStatus: 'Gold',
    lifetime_value: 37.5,
    purchases: 3,
    nps_asked_at: expect.stringMatching(/Z$/),
  });
});
