import { HooklineError } from '../domain/errors.ts';

/** Refuses a request for people of whom nobody knows some, each with its place; `effect` says what did not happen. */
export function unknownPeople(
  { person, people }: { person?: string | undefined; people?: string[] | undefined },
  unknown: Set<string>,
  effect: string,
): HooklineError {
  const named = [
    ...(person === undefined ? [] : [{ path: 'person', id: person }]),
    ...(people ?? []).map((id, index) => ({ path: `people[${index}]`, id })),
  ];
  const errors = named
    .filter(({ id }) => unknown.has(id))
    .map(({ path, id }) => ({ path, message: `nobody has the id "${id}"; PUT /v1/people/… first` }));
  const who = person === undefined ? `${unknown.size} of the people are not known` : 'The person is not known';
  return new HooklineError('input.invalid', `${who}; ${effect}.`, { errors });
}
