import { startVitest } from 'vitest/node';

/** `npm run test:faults`: only the faults; with `--long` at higher rates, for longer. */
const provide = { long: process.argv.includes('--long') };
await startVitest('test', ['test/faults/faults.test.ts'], { watch: false, provide });
