import { eventually } from './eventually.ts';

export const ADMIN_KEY = 'test-admin-key-0123456789';

export type Answer<T> = { status: number; headers: Headers; body: T };

/** What tests read of a journey; they compare the rest as a whole. */
export type JourneyBody = { id: string; state: string; endedAt: string | null; deliveries: string[] };

/** The API as its clients see it, with the admin key, and what tests do with it again and again. */
export function createApiClient(url: string) {
  const api = <T = unknown>(method: string, path: string, body?: unknown) => call<T>(url, method, path, body);
  return {
    url,
    /** Calls the API with the admin key; a text body goes out as YAML. */
    api,
    /** Publishes a campaign and starts it. */
    async publish(id: string, definition: unknown) {
      for (const [method, path, body] of [
        ['PUT', '', definition],
        ['POST', '/start', undefined],
      ] as const) {
        const answer = await api(method, `/v1/campaigns/${id}${path}`, body);
        if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      }
    },
    /** The person's latest journey, once it has ended. */
    async ended(person: string, timeoutMs?: number): Promise<JourneyBody> {
      const { id } = await eventually(async () => {
        const { body } = await api<{ data: JourneyBody[] }>('GET', `/v1/journeys?person=${person}&order=desc&limit=1`);
        return body.data.find((journey) => journey.endedAt !== null);
      }, timeoutMs);
      return (await api<JourneyBody>('GET', `/v1/journeys/${id}`)).body;
    },
    async attributes(person: string): Promise<Record<string, unknown>> {
      return (await api<{ attributes: Record<string, unknown> }>('GET', `/v1/people/${person}`)).body.attributes;
    },
  };
}

/** `T` is what the test expects of the body; its assertions find out. */
async function call<T>(url: string, method: string, path: string, body: unknown): Promise<Answer<T>> {
  const isText = typeof body === 'string';
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body !== undefined && { 'content-type': isText ? 'application/yaml' : 'application/json' }),
    },
    ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text === '' ? 'null' : text) as T };
}
