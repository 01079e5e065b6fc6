import { isRecord } from '../json.ts';
import { isPath, parsePath } from './path.ts';

/** What a condition names, and where: a segment, a campaign whose conversions count, an event that counts, or the path of a value. */
export type Named = {
  at: PropertyKey[];
  what: 'segment' | 'campaign' | 'event' | 'path';
  name: string;
  /** In the `where` of a `performed`, where `event` is the one that is counted. */
  inEvent: boolean;
};

/** Everything that a condition names, in the order written. Takes anything, so that faults elsewhere hide nothing. */
export function namesIn(condition: unknown, at: PropertyKey[] = [], inEvent = false): Named[] {
  if (!isRecord(condition)) return [];
  return Object.entries(condition).flatMap(([key, value]): Named[] => {
    const place = [...at, key];
    if (isPath(key)) return isReadable(key) ? [{ at: place, what: 'path', name: key, inEvent }] : [];
    if (key === 'segment' && typeof value === 'string') return [{ at: place, what: 'segment', name: value, inEvent }];
    if (key === 'not') return namesIn(value, place, inEvent);
    if ((key === 'and' || key === 'or') && Array.isArray(value))
      return value.flatMap((item: unknown, index) => namesIn(item, [...place, index], inEvent));
    if (!isRecord(value)) return [];
    if (key === 'performed') {
      const { event, where } = value;
      const counted: Named[] =
        typeof event === 'string' ? [{ at: [...place, 'event'], what: 'event', name: event, inEvent }] : [];
      return [...counted, ...namesIn(where, [...place, 'where'], true)];
    }
    const { campaign } = value;
    if (key !== 'converted' || typeof campaign !== 'string') return [];
    return [{ at: [...place, 'campaign'], what: 'campaign', name: campaign, inEvent }];
  });
}

function isReadable(path: string): boolean {
  try {
    return parsePath(path).length > 0;
  } catch {
    return false;
  }
}
