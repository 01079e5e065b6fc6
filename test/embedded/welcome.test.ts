import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { welcome } from '../../embedded/welcome.ts';

it.each(['plain', 'with a space', "Mary's $HOME"])('prints commands that read the key in the folder %s', (name) => {
  const folder = mkdtempSync(join(tmpdir(), `hookline-${name}-`));
  const adminKeyFile = join(folder, 'admin-key');
  writeFileSync(adminKeyFile, 'hk_dev_mine');
  const printed = welcome({
    seconds: 1,
    api: 'http://127.0.0.1:3000',
    temporal: '',
    requestBin: '',
    hasExample: true,
    adminKey: 'hk_dev_mine',
    adminKeyFile,
    dataDir: folder,
  });
  const commands = printed.split('\n').filter((line) => line.trim().startsWith('curl '));
  const sent = commands.map((command) =>
    execFileSync('bash', ['-euc', `curl() { printf '%s\\n' "$@"; }; ${command}`], { encoding: 'utf8' }),
  );
  rmSync(folder, { recursive: true });
  expect(sent).toHaveLength(2);
  for (const words of sent) expect(words.split('\n')).toContain('Authorization: Bearer hk_dev_mine');
});
