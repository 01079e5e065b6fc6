/** A value in a message: a text as it is, all else as JSON. Not `String(value)`, which calls a `toString` that the value may bring along. */
export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? typeof value);
