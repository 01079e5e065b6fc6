import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They take the whole machine: `npm test` runs them when the others are done.
    exclude: ['test/faults/**'],
    globalSetup: 'test/support/global-setup.ts',
    // Forks, because Temporal's native core and real signals want a process of their own; three, because each file brings
    // a database and often a Temporal server, which all share the machine, and a third of the time is waiting.
    pool: 'forks',
    maxWorkers: 3,
    // Files share what they import: loading it anew for each one took longer than half of the tests themselves.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', ['json', { outputFile: '.hookline/test-results.json' }]],
  },
});
