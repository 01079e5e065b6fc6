import { startVitest } from 'vitest/node';

/**
 * `npm run test:faults`: only the faults; with `--long` more events and longer faults; with `--soak`, and how many minutes, no fault at
 * all but steady load.
 */
const words = process.argv.slice(2);
const file = words.includes('--soak') ? 'test/faults/soak.ts' : 'test/faults/faults.test.ts';
const soakMinutes = Number(words.find((word) => /^\d+$/.test(word)) ?? 15);
const provide = { long: words.includes('--long'), soakMinutes };
await startVitest('test', [file], {
  watch: false,
  include: [file],
  exclude: [],
  reporters: ['default', ['json', { outputFile: '.hookline/fault-results.json' }]],
  provide,
});
