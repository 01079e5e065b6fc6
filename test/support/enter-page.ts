import { createEnterPage } from '../../activities/enter-page.ts';
import { createCompiledVersions } from '../../compiled-versions.ts';
import type { Db } from '../../db/open.ts';

/** The activity that does the next part of a broadcast, as a worker that has just started has it. */
export const enterPageOf = (db: Db, { now = () => new Date(), wakeCommands = () => {} } = {}) =>
  createEnterPage({ db, ...createCompiledVersions(), now, wakeCommands });
