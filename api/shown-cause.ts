/**
 * What began a journey, as its row has it, in parts: `id` says which of its `type`. Names may have slashes; what stands behind them, a
 * place in the person's order, has none.
 */
export function shownCause({ cause, broadcastId }: { cause: string; broadcastId: string | null }) {
  const [type = '', ...parts] = causeText(cause).split('/');
  switch (type) {
    case 'attribute':
      return { type, id: parts.slice(0, -1).join('/') };
    case 'segment':
      return { type, id: parts.slice(0, -2).join('/'), change: parts.at(-2) };
    case 'schedule':
      return { type, id: parts.join('/'), broadcast: broadcastId };
    default:
      return { type, id: parts.join('/') };
  }
}

/** A cause as its row has it, without whose it was before people were merged. */
export const causeText = (cause: string): string =>
  cause.startsWith('event/') ? cause : cause.replace(/(?:\.per_[0-9a-f-]{36})+$/, '');
