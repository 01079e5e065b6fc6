import { sql } from 'drizzle-orm';
import type { Db } from './open.ts';

/** An event that the current version of a campaign names, and as what. */
export type NamedEvent = { event: string; campaign: string; role: 'trigger' | 'wait' | 'goal' | 'exit' | 'condition' };

/** All events that campaigns name. It reads every definition: for somebody who asks why nothing came of an event. */
export async function listNamedEvents(db: Db): Promise<NamedEvent[]> {
  return db.execute<NamedEvent>(sql`
    select distinct name #>> '{}' as event, campaign, role
    from campaigns
    join campaign_versions version on campaign_id = campaigns.id and version.version = campaigns.version,
    lateral (select campaigns.id as campaign, definition::jsonb as definition) as current,
    lateral (
      select 'trigger' as role, jsonb_path_query(current.definition, '$.trigger ? (@.type == "event").event') as name
      union all select 'goal', jsonb_path_query(current.definition, '$.goal.event')
      union all select 'exit', jsonb_path_query(current.definition, '$.exit.events[*]')
      union all select 'wait', jsonb_path_query(current.definition, '$.steps.** ? (@.type == "wait").event')
      union all select 'condition', jsonb_path_query(current.definition, '$.**.performed.event')
    ) as named
    where jsonb_typeof(name) = 'string'
    order by event, campaign, role`);
}
