/** Hookline's worker, which collects garbage when it is told: what nobody collected yet is no memory that it needs. */
process.on('SIGUSR2', () => globalThis.gc?.());
await import('../worker.ts');
