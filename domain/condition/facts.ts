import type { Json } from '../json.ts';
import { judge, type EventQuery, type Facts } from './evaluate-condition.ts';
import { withData, type Predicate } from './predicate.ts';
import { questionsOf, withAnswers, type Answer, type Question } from './questions.ts';

/** The facts about somebody without a past. */
export const NO_FACTS: Facts = {
  inSegment: async () => false,
  countEvents: async () => 0,
  countConversions: async () => 0,
};

type PastEvent = { name: string; data: Record<string, Json>; timestamp: Date };

/** Facts with events beside those that they count: for what is tried out and stands in no table. */
export function withEvents(facts: Facts, events: PastEvent[]): Facts {
  const all: Facts = {
    ...facts,
    async countEvents({ where, ...query }) {
      const decided = { ...query, where: where && (await withFacts(where, all)) };
      let count = await facts.countEvents(decided);
      for (const event of events) if (await counts(event, decided)) count += 1;
      return count;
    },
  };
  return all;
}

/** What it asks of the past, decided once: that does not depend on which event is counted. */
async function withFacts(where: Predicate, facts: Facts): Promise<Predicate> {
  const answers = new Map<Question, Answer>();
  for (const question of questionsOf(where)) answers.set(question, await ask(question, facts));
  return withAnswers(where, answers);
}

function ask(question: Question, facts: Facts): Promise<Answer> {
  switch (question.type) {
    case 'segment':
      return facts.inSegment(question.segment);
    case 'performed':
      return facts.countEvents(question);
    case 'converted':
      return facts.countConversions(question);
  }
}

async function counts({ name, data, timestamp }: PastEvent, { event, where, since }: EventQuery): Promise<boolean> {
  if (name !== event || (since && timestamp < since)) return false;
  return where === null || (await judge(withData(where, { event: { name, ...data } }), NO_FACTS)).holds;
}
