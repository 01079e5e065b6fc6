/** Where a text stops being JSON (RFC 8259). Line and column count from 1. */
export type JsonFault = { line: number; column: number; message: string };

type State = 'value' | 'valueOrEnd' | 'key' | 'keyOrEnd' | 'colon' | 'next' | 'end';

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;
const STRING_START = /"(?:[^"\\\0-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

const EXPECTED: Record<State, string> = {
  value: 'expected a value',
  valueOrEnd: 'expected a value or ]',
  key: 'expected a key in quotes',
  keyOrEnd: 'expected a key in quotes or }',
  colon: 'expected :',
  next: 'expected a comma or the closing bracket',
  end: 'expected nothing more',
};

/** The first fault of a text, or null if it is JSON. Node's own message names no place, and quotes the text. */
export function jsonFault(text: string): JsonFault | null {
  const open: ('{' | '[')[] = [];
  let state: State = 'value';
  let offset = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = offset;
    const found = pattern.test(text);
    if (found) offset = pattern.lastIndex;
    return found;
  };
  for (;;) {
    take(SPACE);
    const char = text[offset];
    const wantsKey: boolean = state === 'key' || state === 'keyOrEnd';
    const wantsValue: boolean = state === 'value' || state === 'valueOrEnd';
    if (char === undefined && state === 'end') return null;
    if (char === '"' && (wantsKey || wantsValue)) {
      take(STRING_START);
      if (text[offset] !== '"') return faultAt(text, offset, stringFault(text[offset]));
      offset += 1;
      state = wantsKey ? 'colon' : after(open);
    } else if (wantsValue && (char === '{' || char === '[')) {
      open.push(char);
      offset += 1;
      state = char === '{' ? 'keyOrEnd' : 'valueOrEnd';
    } else if (wantsValue && take(SCALAR)) {
      state = after(open);
    } else if (state === 'colon' && char === ':') {
      offset += 1;
      state = 'value';
    } else if (state === 'next' && char === ',') {
      offset += 1;
      state = open.at(-1) === '{' ? 'key' : 'value';
    } else if (closes(char, state, open.at(-1))) {
      open.pop();
      offset += 1;
      state = after(open);
    } else {
      return faultAt(text, offset, char === undefined ? `${EXPECTED[state]}, but it ends here` : EXPECTED[state]);
    }
  }
}

const after = (open: string[]): State => (open.length === 0 ? 'end' : 'next');

function closes(char: string | undefined, state: State, open: string | undefined): boolean {
  if (char === '}') return open === '{' && (state === 'next' || state === 'keyOrEnd');
  return char === ']' && open === '[' && (state === 'next' || state === 'valueOrEnd');
}

function stringFault(char: string | undefined): string {
  if (char === undefined) return 'the quotes are not closed';
  return char === '\\' ? 'a backslash that escapes nothing' : 'a line break or control character inside quotes';
}

function faultAt(text: string, offset: number, message: string): JsonFault {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n'), message };
}
