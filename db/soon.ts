const SOON_MS = 3_000;

/** What is asked, if it is answered soon: a server that hangs is away to whoever only wants to know how it is. */
export async function soon<T>(asked: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error('no answer within 3 s'), { code: 'ETIMEDOUT' });
    timer = setTimeout(() => reject(error), SOON_MS);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
