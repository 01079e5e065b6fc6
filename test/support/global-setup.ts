import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import pino from 'pino';
import type { TestProject } from 'vitest/node';
import { environment, loadToolPlaces } from '../../config.ts';
import { migrate } from '../../db/migrate.ts';
import { startPostgres } from '../../embedded/postgres.ts';
import { findTemporal, findTestServer } from '../../embedded/temporal-binary.ts';
import { startTemporal } from '../../embedded/temporal.ts';
import { registerSearchAttributes } from '../../relay/search-attributes.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A migrated database that each test file's own one is a copy of. */
    templateUrl: string;
    temporalAddress: string;
    temporalBinary: string;
    testServerBinary: string;
    bundlePath: string;
    /** Whether faults come with more events, and last longer: not in `npm test`. */
    long?: boolean;
    /** How long a soak goes on. */
    soakMinutes?: number;
  }
}

/**
 * A journey whose task has failed is reported at once, and not after five times, which take a minute. What is deleted waits until all
 * about it is done: the server looks for that by the second, and not by the half minute.
 */
const SETTINGS = {
  'system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute': 1,
  'history.transferProcessorUpdateAckInterval': '1s',
  'history.visibilityProcessorUpdateAckInterval': '1s',
};

/** One Postgres, one Temporal and one workflow bundle for the whole run; each test file has its own database and task queue. */
export async function setup(project: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'hookline-test-'));
  const places = { ...loadToolPlaces(environment), say: (sentence: string) => process.stderr.write(`${sentence}\n`) };
  const [postgres, temporal, testServerBinary, bundle] = await Promise.all([
    startPostgres({
      dataDir: folder,
      database: 'hookline_template',
      settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' },
    }),
    findTemporal(places).then(async (binary) => ({
      binary,
      ...(await startTemporal({ binary, dataDir: folder, inMemory: true, uiPort: false, dynamicConfig: SETTINGS })),
    })),
    findTestServer(places),
    bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
      logger: new DefaultLogger('WARN'),
    }),
  ]);
  await Promise.all([migrate(postgres.url), prepareTemporal(temporal.address)]);
  const bundlePath = join(folder, 'workflow-bundle.js');
  await writeFile(bundlePath, bundle.code);

  project.provide('templateUrl', postgres.url);
  project.provide('temporalAddress', temporal.address);
  project.provide('temporalBinary', temporal.binary);
  project.provide('testServerBinary', testServerBinary);
  project.provide('bundlePath', bundlePath);
  return async () => {
    await Promise.all([postgres.child.stop(), temporal.child.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
}

/** What a worker does at its start: most tests have none of its processes. */
async function prepareTemporal(address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  await registerSearchAttributes(new Client({ connection }), 'default', pino({ level: 'warn' }));
  await connection.close();
}
