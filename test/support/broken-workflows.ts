/** A worker that cannot walk: every task fails, as where it meets a plan of a version that it does not know. */
export async function journey(): Promise<void> {
  throw new Error('this worker walks plans of version 1, not 2');
}
