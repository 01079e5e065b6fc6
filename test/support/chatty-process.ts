import { runProcess } from '../../lifecycle.ts';

const [lines = '1', end = 'waits'] = process.argv.slice(2);

/** A process of ours that logs `lines` of 200 bytes, and then fails or waits to be stopped. */
await runProcess('worker', async (_config, log) => {
  for (let line = 0; line < Number(lines); line++) log.info({ line, text: '-'.repeat(200) }, 'a line');
  if (end === 'fails') throw new Error('no further');
  const alive = setInterval(() => {}, 1_000);
  return { stop: async () => clearInterval(alive) };
});
