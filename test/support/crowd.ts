import { sql } from 'drizzle-orm';
import { compilePlan } from '../../domain/campaign/plan.ts';
import { validateCampaign } from '../../domain/campaign/campaign.ts';
import { changeCampaignState, publishVersion } from '../../db/campaigns.ts';
import type { Db } from '../../db/open.ts';

/**
 * As many people as nobody makes by requests, `p1` and so on: every third has the plan gold, every tenth has bought something, and
 * those of every hundredth place are suppressed.
 */
export async function makeCrowd(db: Db, count: number): Promise<void> {
  await db.execute(sql`
    insert into people (key, id, attributes, suppressed, last_number)
    select 'per_' || lpad(n::text, 8, '0'), 'p' || n,
      jsonb_build_object('n', n, 'plan', case when n % 3 = 0 then 'gold' else 'free' end), n % 100 = 0, (n % 10 = 0)::int
    from generate_series(1, ${count}::int) as n`);
  await db.execute(sql`
    insert into events (id, person_key, number, name, data, timestamp, received_at)
    select 'evt_' || key, key, 1, 'bought', jsonb_build_object('total', (attributes->>'n')::int), now(), now()
    from people where last_number = 1`);
}

/** Publishes a campaign and starts it. */
export async function makeLive(db: Db, id: string, fields: object): Promise<void> {
  const { campaign } = validateCampaign(
    { trigger: { type: 'manual' }, steps: [{ type: 'delay', for: '1h' }], ...fields },
    id,
  );
  await publishVersion(db, { ...campaign, id }, compilePlan(campaign));
  await changeCampaignState(db, id, ['new'], 'live');
}
