export type List = { data: { id: string }[]; nextCursor: string | null };

const MAKES = 3;

/** The ids of a list of four pages or more, page by page; behind each of the first three more is made. `read` gets the query's end. */
export async function walkWhile(
  read: (cursor: string) => Promise<List>,
  make: () => Promise<unknown>,
): Promise<string[]> {
  const walked: string[] = [];
  let cursor: string | null = '';
  for (let pages = 0; cursor !== null; pages += 1) {
    const page: List = await read(cursor && `&cursor=${cursor}`);
    walked.push(...page.data.map(({ id }) => id));
    cursor = page.nextCursor;
    if (pages < MAKES) await make();
  }
  return walked;
}
