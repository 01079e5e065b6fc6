import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../db/open.ts';
import { listTestStages, type TestStage } from '../db/test-sends.ts';

const LOOK_EVERY_MS = 50;

export type ReadStage = (id: string) => Promise<TestStage>;

/** Says, a moment later, where a test stands: one query for all that ask in that time, however many wait. */
export function createReadStage(db: Db): ReadStage {
  type Look = { ids: string[]; stages: Promise<Map<string, TestStage>> };
  let next: Look | undefined;
  const plan = (): Look => {
    const ids: string[] = [];
    const stages = sleep(LOOK_EVERY_MS).then(() => {
      next = undefined;
      return listTestStages(db, ids);
    });
    return { ids, stages };
  };
  return async (id) => {
    const look = (next ??= plan());
    look.ids.push(id);
    return (await look.stages).get(id) ?? 'gone';
  };
}
