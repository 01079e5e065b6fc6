import { HooklineError } from '../domain/errors.ts';

export const FORMS = ['application/x-www-form-urlencoded', 'multipart/form-data'];

/** The fields of a form as texts; of a name that comes again the last one. */
export async function parseForm(body: Buffer, contentType: string): Promise<Record<string, string>> {
  const fields = [...(await read(body, contentType))].map(([name, value]) => [name, textOf(name, value)]);
  return Object.fromEntries(fields);
}

async function read(body: Buffer, contentType: string): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
  } catch (cause) {
    throw new HooklineError('body.malformed', 'The body is not the form that its Content-Type says it is.', { cause });
  }
}

function textOf(name: string, value: string | object): string {
  if (typeof value === 'string') return value;
  const message = 'is a file; send a text';
  throw new HooklineError('input.invalid', `${name}: ${message}`, { errors: [{ path: name, message }] });
}
