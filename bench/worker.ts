/** Hookline's worker, which collects garbage when it is told, and says what is left: what nobody collected yet is no memory that it needs. */
process.on('SIGUSR2', () => {
  globalThis.gc?.();
  process.send?.({ type: 'heap', mb: process.memoryUsage().heapUsed / 2 ** 20 });
});
await import('../worker.ts');
