import { distance } from 'fastest-levenshtein';

/** The known name that a misspelt one most likely meant, or undefined if none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  const allowed = Math.max(1, Math.floor(word.length / 3));
  const [best] = known.map((name) => ({ name, edits: edits(word, name) })).sort((a, b) => a.edits - b.edits);
  return best && best.edits <= allowed ? best.name : undefined;
}

/** `; did you mean "timeout"?`, or nothing where nothing is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

/** The same, or what is known where nothing is near. */
export function hint(word: string, known: readonly string[]): string {
  if (known.length === 0) return '; there are none here';
  return didYouMean(word, known) || `; use ${listed(known)}`;
}

/** `a, b or c` */
export function listed(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/** `a, b, c, d, e and 7 more`: the first five of `count` names. */
export function firstOf(names: readonly string[], count = names.length): string {
  const shown = names.slice(0, 5);
  return `${shown.join(', ')}${count > shown.length ? ` and ${count - shown.length} more` : ''}`;
}

/** Case is free, and swapped letters count once: they are what fingers do most. */
function edits(word: string, name: string): number {
  const [a, b] = [word.toLowerCase(), name.toLowerCase()];
  const isSwap = a !== b && letters(a) === letters(b);
  return isSwap ? 1 : distance(a, b);
}

const letters = (word: string) => word.split('').sort().join('');
