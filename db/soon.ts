const SOON_MS = 3_000;

/** The code is one of those of a server that cannot be reached. */
export class TooLate extends Error {
  readonly code = 'ETIMEDOUT';
}

/** What is asked, if it is answered soon: a server that hangs is away to whoever only wants to know how it is. */
export async function soon<T>(asked: Promise<T>, ms = SOON_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooLate(`no answer within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
