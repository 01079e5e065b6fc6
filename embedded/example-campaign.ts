import { readFile } from 'node:fs/promises';
import { HooklineError } from '../domain/errors.ts';

/**
 * Tells the API the request bin's address as `secrets.bin_url`, and publishes and starts the campaign `leanplum-status` where
 * there is no campaign yet. Answers whether it is there.
 */
export async function loadExampleCampaign(options: {
  api: string;
  adminKey: string;
  binUrl: string;
  file: string;
}): Promise<boolean> {
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
  const campaigns = await accepted(await call('GET', '/v1/campaigns?limit=1'));
  if (!/"data":\[\]/.test(campaigns)) return (await call('GET', path)).ok;
  await accepted(await call('PUT', path, 'application/yaml', await readFile(file, 'utf8')));
  await accepted(await call('POST', `${path}/start`));
  return true;
}

async function accepted(response: Response): Promise<string> {
  const text = await response.text();
  if (response.ok) return text;
  throw new HooklineError(
    'embedded.failed',
    `The example campaign could not be loaded: ${response.url} answered ${response.status} ${text.slice(0, 500)}`,
  );
}
