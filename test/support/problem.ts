import { expect } from 'vitest';
import { problemSchema } from '../../api/problem-schema.ts';
import { ADMIN_KEY, type Answer } from './hookline.ts';

/** Asserts that an answer is a problem in full form, without a trace of our code; returns its detail and its faults as `path: message`. */
export function expectProblem(answer: Answer<unknown>, status: number, code: string) {
  const problem = problemSchema.parse(answer.body);
  expect({ httpStatus: answer.status, status: problem.status, code: problem.code, detail: problem.detail }).toEqual({
    httpStatus: status,
    status,
    code,
    detail: problem.detail,
  });
  expect(problem.type).toBe(`urn:hookline:error:${code}`);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(problem.requestId).toMatch(/^req_/);
  expect(problem.requestId).toBe(answer.headers.get('x-request-id'));
  expect(JSON.stringify(problem)).not.toMatch(/node_modules|\.ts:\d|\.js:\d|\\n +at /);
  return { detail: problem.detail, faults: (problem.errors ?? []).map(({ path, message }) => `${path}: ${message}`) };
}

/** Sends a request byte for byte; without other headers it has the admin key and is JSON. */
export async function send(
  url: string,
  request: { method?: string; body?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string> } = {},
): Promise<Answer<unknown>> {
  const { method = 'POST', body = null, headers = {} } = request;
  const response = await fetch(url, {
    method,
    body,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...headers },
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text === '' ? 'null' : text) };
}
