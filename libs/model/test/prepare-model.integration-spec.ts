import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NEEDLE_3M } from '@longhaul/testing';
import { prepareModel } from '../src/index.js';

describe('preparing a model', () => {
  const home = mkdtempSync(join(tmpdir(), 'longhaul-prepare-'));
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it('by several at once gives each the one package, and leaves nothing half done', async () => {
    const prepared = await Promise.all(
      Array.from({ length: 3 }, () => prepareModel(NEEDLE_3M, { home, weights: 'int8' })),
    );
    expect(new Set(prepared.map(({ dir }) => dir)).size).toBe(1);
    expect(readdirSync(join(home, 'models'))).toHaveLength(1);
  });
});
