import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/global-setup.ts',
    // Forks, because Temporal's native core and real signals want a process of their own; two, because each file
    // brings a database and often a Temporal server, which all share the machine.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', ['json', { outputFile: '.hookline/test-results.json' }]],
  },
});
