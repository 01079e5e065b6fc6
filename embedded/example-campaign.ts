import { readFile } from 'node:fs/promises';
import { HooklineError } from '../domain/errors.ts';

/**
 * Tells the API the request bin's address as `secrets.bin_url`, and publishes and starts the campaign `leanplum-status` where
 * there is none of that id. For the embedded database: in one of the user's own, neither is ours to write.
 */
export async function loadExampleCampaign(options: {
  api: string;
  adminKey: string;
  binUrl: string;
  file: string;
}): Promise<void> {
  const { api, adminKey, binUrl, file } = options;
  const call = async (method: string, path: string, type?: string, body?: string): Promise<Response> =>
    fetch(`${api}${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, ...(type ? { 'content-type': type } : {}) },
      signal: AbortSignal.timeout(20_000),
      ...(body === undefined ? {} : { body }),
    });

  await accepted(await call('PUT', '/v1/secrets/bin_url', 'application/json', JSON.stringify({ value: binUrl })));
  const path = '/v1/campaigns/leanplum-status';
  const found = await call('GET', path);
  if (found.status !== 404) return accepted(found);
  await accepted(await call('PUT', path, 'application/yaml', await readFile(file, 'utf8')));
  await accepted(await call('POST', `${path}/start`));
}

async function accepted(response: Response): Promise<void> {
  const text = await response.text();
  if (response.ok) return;
  throw new HooklineError(
    'embedded.failed',
    `The example campaign could not be loaded: ${response.url} answered ${response.status} ${text.slice(0, 500)}`,
  );
}
