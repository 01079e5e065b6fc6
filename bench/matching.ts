import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { createCompiledVersions } from '../compiled-versions.ts';
import { changeCampaignState, publishVersion } from '../db/campaigns.ts';
import { createCipher } from '../db/cipher.ts';
import { ingestEvents } from '../db/events.ts';
import { listWaitingPeople } from '../db/inbox.ts';
import { migrate } from '../db/migrate.ts';
import { openDatabase, type Db } from '../db/open.ts';
import { validateCampaign } from '../domain/campaign/campaign.ts';
import { createMatcher, type MatchPerson } from '../relay/match.ts';
import { medianBy, ratePerSecond } from './measure.ts';
import type { Servers } from './servers.ts';

const EVENTS_PER_ROUND = 1_000;
const WARM_UP_ROUNDS = 1;
const COUNTED_ROUNDS = 3;
const CAMPAIGNS = 50;
/** As many people at a time as a relay matches. */
const AT_ONCE = 4;

/**
 * Events per second that one relay matches where 50 live campaigns start on each of them and one wants it, against a single campaign
 * that does. In databases of their own, so that no worker takes a part.
 */
export async function benchMatching(servers: Servers): Promise<string> {
  const [many, one] = await Promise.all([prepare(servers, CAMPAIGNS), prepare(servers, 1)]);
  const rates: { many: number; one: number }[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + COUNTED_ROUNDS; round += 1) {
    rates.push({ many: await many.round(round), one: await one.round(round) });
  }
  await Promise.all([many.close(), one.close()]);
  const ratioOf = (rate: { many: number; one: number }) => rate.many / rate.one;
  const median = medianBy(rates.slice(WARM_UP_ROUNDS), ratioOf);
  const shown = `${median.many.toFixed(0)} events/s before ${CAMPAIGNS} campaigns, ${median.one.toFixed(0)}/s before one`;
  return `matching: ratio ${ratioOf(median).toFixed(2)} (${shown})`;
}

async function prepare({ databaseUrl }: Servers, campaigns: number) {
  const name = `matching_${campaigns}`;
  const admin = postgres(databaseUrl, { max: 1 });
  await admin.unsafe(`create database ${name}`);
  await admin.end();
  const url = Object.assign(new URL(databaseUrl), { pathname: `/${name}` }).href;
  await migrate(url);
  const { db, close } = openDatabase(url, { max: 10, application: 'hookline bench' });
  for (let each = 0; each < campaigns; each += 1) {
    const { campaign, plan } = validateCampaign(
      {
        trigger: { type: 'event', event: 'bought', where: { 'event.shop': each } },
        audience: { 'customer.plan': { ne: 'trial' } },
        steps: [{ type: 'exit' }],
      },
      `campaign-${each}`,
    );
    await publishVersion(db, campaign, plan);
    await changeCampaignState(db, campaign.id, ['new'], 'live');
  }
  const match = createMatcher({
    db,
    cipher: createCipher(randomBytes(32)),
    ...createCompiledVersions(),
    now: () => new Date(),
  });
  return {
    close,
    async round(round: number): Promise<number> {
      const events = Array.from({ length: EVENTS_PER_ROUND }, (_, each) => ({
        ...{ person: `person-${round}-${each}`, name: 'bought', data: { shop: 0 }, backfill: false },
      }));
      await ingestEvents(db, events);
      return ratePerSecond(EVENTS_PER_ROUND, () => drain(db, match));
    },
  };
}

async function drain(db: Db, match: MatchPerson): Promise<void> {
  for (;;) {
    const keys = await listWaitingPeople(db, 50);
    if (keys.length === 0) return;
    const work = async () => {
      for (let key = keys.pop(); key !== undefined; key = keys.pop()) await match(key);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
}
