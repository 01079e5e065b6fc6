import { sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import type { Db } from './open.ts';
import { pageOf, pageQuery, type Page, type PageRequest } from './page.ts';
import type { PersonRow } from './people.ts';
import { people } from './schema/people.ts';

export type PeopleFilter = { attribute: string; values: Json[] };

/** People in the order in which they were made; with a filter, those whose attribute is one of the values. The cursor is a key. */
export async function listPeople(db: Db, page: PageRequest, filter?: PeopleFilter): Promise<Page<PersonRow>> {
  const isWanted =
    filter &&
    sql`(${people.attributes} -> ${filter.attribute}::text) = any(select jsonb_array_elements(${JSON.stringify(filter.values)}::jsonb))`;
  const query = pageQuery(page, people.key, people.createdAt, [isWanted], { prefix: 'per' });
  const rows = await db.select().from(people).where(query.where).orderBy(query.orderBy).limit(query.limit);
  const { data, nextCursor } = pageOf(
    rows.map((person) => ({ id: person.key, person })),
    page.limit,
  );
  return { data: data.map(({ person }) => person), nextCursor };
}
