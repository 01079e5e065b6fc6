/** Loaded before a program: at SIGUSR2 it collects its garbage and prints what is left. Its threads hear of no signal. */
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
  collect();
  const usage = { heapMb: process.memoryUsage().heapUsed / 2 ** 20, active: process.getActiveResourcesInfo().length };
  process.stdout.write(`${JSON.stringify({ usage })}\n`);
});
