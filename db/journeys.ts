import { and, eq, isNotNull, sql } from 'drizzle-orm';
import type { Json } from '../domain/json.ts';
import type { Prepared } from '../domain/walk.ts';
import type { Db } from './open.ts';
import type { PersonRow } from './people.ts';
import { broadcasts } from './schema/campaigns.ts';
import { journeyLog, journeys, type JourneyState } from './schema/journeys.ts';
import { events, people } from './schema/people.ts';

export type JourneyRow = typeof journeys.$inferSelect;

/** Whose journey it is, and what began it. */
export type JourneyCause = {
  journey: JourneyRow;
  person: PersonRow;
  event: typeof events.$inferSelect | null;
  broadcast: typeof broadcasts.$inferSelect | null;
};

export type JourneyAtStep = JourneyCause & {
  /** What was decided when this step was first reached; null the first time. */
  decided: LogLine | null;
};

export type LogLine = { step: string; what: string; details: Record<string, Json>; result: Prepared | null; at: Date };

/**
 * Reads a journey at a step and holds it until the transaction ends, so that one repeat of a step waits for the other
 * and then finds its decision: the line with a result. Undefined when the person was erased.
 * The person's row is taken first, as everywhere: for a change of it, or only so that they are not erased meanwhile.
 */
export async function lockJourneyAt(
  tx: Db,
  at: { journey: string; step: string },
  options: { lockPerson: boolean },
): Promise<JourneyAtStep | undefined> {
  const owner = tx.select({ key: journeys.personKey }).from(journeys).where(eq(journeys.id, at.journey));
  const isStep = and(eq(journeyLog.journeyId, at.journey), eq(journeyLog.step, at.step));
  // A statement sees what was committed before it began: only one of its own, sent right behind, sees what the wait was for.
  const [[owned], [cause], [decided]] = await Promise.all([
    tx
      .select({ key: people.key })
      .from(people)
      .where(eq(people.key, owner))
      .for(options.lockPerson ? 'no key update' : 'key share'),
    selectCause(tx, at.journey).for('no key update', { of: journeys }),
    tx
      .select()
      .from(journeyLog)
      .where(and(isStep, isNotNull(journeyLog.result))),
  ]);
  if (cause && cause.person.key !== owned?.key) throw ownerChanged();
  return cause && { ...cause, decided: decided ?? null };
}

/** Holds a journey's person, and the journey. */
export async function lockJourneyOf(tx: Db, id: string): Promise<void> {
  const owner = tx.select({ key: journeys.personKey }).from(journeys).where(eq(journeys.id, id));
  const [[owned], [journey]] = await Promise.all([
    tx.select({ key: people.key }).from(people).where(eq(people.key, owner)).for('no key update'),
    tx.select({ personKey: journeys.personKey }).from(journeys).where(eq(journeys.id, id)).for('no key update'),
  ]);
  if (journey && journey.personKey !== owned?.key) throw ownerChanged();
}

/** Who was looked for was merged into somebody else before they were held. Whoever asked asks again, in another transaction. */
export const ownerChanged = () => new Error('the person was merged into another one at this moment: try again');

/** What began a journey, and whose it is; nobody is held. */
export async function readCause(db: Db, id: string): Promise<JourneyCause | undefined> {
  const [row] = await selectCause(db, id);
  return row;
}

const selectCause = (db: Db, id: string) =>
  db
    .select({ journey: journeys, person: people, event: events, broadcast: broadcasts })
    .from(journeys)
    .innerJoin(people, eq(people.key, journeys.personKey))
    .leftJoin(events, eq(events.id, journeys.eventId))
    .leftJoin(broadcasts, eq(broadcasts.id, journeys.broadcastId))
    .where(eq(journeys.id, id));

/** `position` is the place in the person's order behind the step before it. */
export type StepMove = { id: string; type: string; state: JourneyState; until: Date | null; position: number };

/** Writes where the journey stands now and what was decided there, which a repeat will find. */
export async function recordStep(
  tx: Db,
  id: string,
  step: StepMove,
  line: { what: string; details: Record<string, Json>; result: Prepared },
): Promise<void> {
  const until = step.until?.toISOString() ?? null;
  await tx.execute(sql`
    with journey as (
      update journeys
      set state = ${step.state}, step_id = ${step.id}, step_type = ${step.type}, step_since = clock_timestamp(),
          step_until = ${until}::timestamptz, position = ${step.position}, updated_at = clock_timestamp()
      where id = ${id}
    )
    insert into journey_log (journey_id, step, what, details, result)
    values (${id}, ${step.id}, ${line.what}, ${JSON.stringify(line.details)}::jsonb, ${JSON.stringify(line.result)}::jsonb)
    on conflict do nothing`);
}

/**
 * Ends the journey, with a line in its log; one that has ended stays as it ended. The person is held before the time is taken, as
 * wherever something is stored for them: a timeline that is being read shows it all or comes first.
 */
export async function endJourney(
  db: Db,
  id: string,
  state: 'completed' | 'exited',
  reason: string | null,
): Promise<void> {
  const details = JSON.stringify(reason === null ? {} : { reason });
  await db.execute(sql`
    with owner as (
      select key from people where key = (select person_key from journeys where id = ${id}) for key share
    ), ended as (
      update journeys set state = ${state}, reason = ${reason}, ended_at = clock_timestamp(), updated_at = clock_timestamp()
      from (select count(*) from owner) as held where id = ${id} and ended_at is null
      returning id
    )
    insert into journey_log (journey_id, step, what, details)
    select id, '', ${state}, ${details}::jsonb from ended
    on conflict do nothing`);
}
