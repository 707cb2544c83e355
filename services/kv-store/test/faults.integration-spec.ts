import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'faults', 'faults.mjs');

it.each(['disk full', 'read-only directory'])(
  'the service goes on with a fault of its disk, says so and comes back: %s',
  (fault) => {
    const result = spawnSync(process.execPath, [SCRIPT, '--only', fault, '--seconds', '1'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(result.stderr).toBe('');
    expect(result.stdout).toMatch(/^(disk full|read-only directory)(, 1 s: ok\n|: skipped)/);
    expect(result.status).toBe(0);
  },
  120_000,
);
