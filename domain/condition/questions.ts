import { countHolds } from './performed.ts';
import type { Predicate } from './predicate.ts';

/** What a predicate asks of a person's past. */
export type Question = Extract<Predicate, { type: 'segment' | 'performed' | 'converted' }>;

/** Whether the person is in the segment, or how often it happened. */
export type Answer = boolean | number;

/** The questions of a predicate in order, to be asked of many people at once; not those in the `where` of a `performed`. */
export function questionsOf(predicate: Predicate): Question[] {
  switch (predicate.type) {
    case 'all':
    case 'any':
      return predicate.parts.flatMap(questionsOf);
    case 'not':
      return questionsOf(predicate.part);
    case 'segment':
    case 'performed':
    case 'converted':
      return [predicate];
    case 'known':
    case 'test':
    case 'moment':
    case 'clock':
      return [];
  }
}

/** The predicate with its questions decided, with the values that were seen: those of one person. */
export function withAnswers(predicate: Predicate, answers: Map<Question, Answer>): Predicate {
  switch (predicate.type) {
    case 'all':
    case 'any':
      return { type: predicate.type, parts: predicate.parts.map((part) => withAnswers(part, answers)) };
    case 'not':
      return { type: 'not', part: withAnswers(predicate.part, answers) };
    case 'segment': {
      const holds = answers.get(predicate) === true;
      return { type: 'known', holds, values: { [`segment ${predicate.segment}`]: holds } };
    }
    case 'performed':
    case 'converted': {
      const seen = Number(answers.get(predicate) ?? 0);
      return { type: 'known', holds: countHolds(predicate.count, seen), values: { [predicate.shown]: seen } };
    }
    case 'known':
    case 'test':
    case 'moment':
    case 'clock':
      return predicate;
  }
}
