import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';

it('no flipped bit of memory, files or the wire is served, and what is lost is counted (30 flips)', () => {
  const script = join(dirname(fileURLToPath(import.meta.url)), 'bit-flips.mjs');
  const result = spawnSync(process.execPath, [script, '--flips', '30', '--seed', '42'], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const places = result.stderr.split('\n').filter((line) => line.startsWith('{'));
  for (const place of places) {
    expect(JSON.parse(place)).toMatchObject({ flips: 6, served_wrong: 0, uncounted: 0, others_lost: 0 });
  }
  expect(places).toHaveLength(5);
  expect(result.status).toBe(0);
});
