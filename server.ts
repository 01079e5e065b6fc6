import { createApp } from './api/app.ts';
import { createMetrics } from './api/metrics.ts';
import { createKeyRing } from './api/key-ring.ts';
import { allRoutes } from './api/routes.ts';
import { createCompiledVersions } from './compiled-versions.ts';
import { environment, loadTemporalConfig } from './config.ts';
import { createCipher } from './db/cipher.ts';
import { createClock } from './db/clock.ts';
import { migrate } from './db/migrate.ts';
import { openDatabase } from './db/open.ts';
import { checkMasterKey } from './db/secrets.ts';
import { soon } from './db/soon.ts';
import { createWaker } from './db/wake.ts';
import { serve } from './http-server.ts';
import { runProcess } from './lifecycle.ts';

/** Process 1: the API. It reads and writes Postgres only; Temporal may be down. */
await runProcess('server', async (config, log) => {
  const database = openDatabase(config.databaseUrl, { max: 20, application: 'hookline server' });
  const cipher = createCipher(config.masterKey, config.previousMasterKeys);
  let migrated = false;
  const ready = async () => {
    if (!migrated) return 'migrations are not done';
    return soon(database.db.execute('select 1')).then(
      () => null,
      () => 'Postgres cannot be reached',
    );
  };
  const onUnwoken = (error: unknown) => log.warn({ err: error }, 'the relay could not be woken');
  const clock = createClock(database.db, (error) => log.warn({ err: error }, 'Postgres could not say the time'));
  const { now } = clock;
  const keys = createKeyRing({
    database,
    adminKey: config.adminKey,
    now,
    onError: (error) => log.warn({ err: error }, 'the API keys could not be read or noted as used; trying again'),
  });
  const metrics = createMetrics({
    db: database.db,
    now,
    onError: (error) => log.warn({ err: error }, 'Postgres could not give the figures of /metrics'),
  });
  const routes = allRoutes({
    metrics,
    db: database.db,
    now,
    keys,
    cipher,
    versions: createCompiledVersions(),
    wake: createWaker(database.db, 'inbox', onUnwoken),
    wakeCarrier: createWaker(database.db, 'commands', onUnwoken),
    wakeTests: createWaker(database.db, 'tests', onUnwoken),
    ready,
    destinations: config,
    egressAddresses: config.egressAddresses,
    log,
    temporalUi: { url: config.temporalUiUrl, namespace: loadTemporalConfig(environment).namespace },
  });
  const server = await serve(createApp({ routes, keys, metrics, db: database.db, cipher, now, log }), config.port);
  await migrate(config.databaseUrl);
  await checkMasterKey(database.db, cipher);
  // Until the keys are read nobody is let in: no moment is judged by the clock of this process.
  await clock.start();
  await keys.start();
  migrated = true;
  return {
    async stop() {
      clock.stop();
      await server.stop();
      await keys.stop();
      await database.close();
    },
  };
});
