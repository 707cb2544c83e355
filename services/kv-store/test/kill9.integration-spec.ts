import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

it('a killed process loses nothing that was acknowledged and leaves nothing torn (10 kills)', () => {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'kill9.mjs');
  const result = spawnSync(process.execPath, [script, '--kills', '10', '--seed', '42'], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  expect(result.stderr).toBe('');
  expect(JSON.parse(result.stdout)).toMatchObject({ kills: 10, violations: 0 });
});
