import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { prepareModel } from '@longhaul/model';
import { NEEDLE_3M } from '@longhaul/testing';
import { OursSide } from '../src/ours/ours-side.js';

const DEPTH = 6144;
const home = mkdtempSync(join(tmpdir(), 'longhaul-bench-ours-'));
const homeBefore = process.env['LONGHAUL_HOME'];
let side: OursSide;
beforeAll(async () => {
  process.env['LONGHAUL_HOME'] = home;
  const { dir } = await prepareModel(NEEDLE_3M, { home, weights: 'int8' });
  side = await OursSide.open({ packageDir: dir, threads: 1, spin: false, pages: 512, kv: 'int8', keyBounds: true });
});
afterAll(async () => {
  await side.dispose();
  if (homeBefore === undefined) delete process.env['LONGHAUL_HOME'];
  else process.env['LONGHAUL_HOME'] = homeBefore;
  rmSync(home, { recursive: true });
});

describe('our side at a given density', () => {
  it('reads that share of what it sees, at a depth that nobody computed', async () => {
    const common = { name: '', depth: DEPTH, sequences: 1 };
    const chunk = await side.measure({ ...common, kind: 'prefill', tokens: 512, sparsity: { density: 0.25 } });
    const steps = await side.measure({ ...common, kind: 'decode', tokens: 8, sparsity: { density: 0.125 } });
    // Budgets are rounded to blocks of 128 tokens, and the block of the query is always read.
    expect(Math.abs((chunk.readShare ?? 0) - 0.25)).toBeLessThan(0.03);
    expect(Math.abs((steps.readShare ?? 0) - 0.125)).toBeLessThan(0.03);
    expect(chunk.selectionShare).toBeGreaterThan(0);
    expect(steps.selectionShare).toBeGreaterThan(0);
  });

  it('has nothing to say of shares where attention is dense', async () => {
    const measured = await side.measure({ name: '', kind: 'prefill', depth: DEPTH, sequences: 1, tokens: 512 });
    expect(measured.tokensPerSecond).toBeGreaterThan(0);
    expect(measured).not.toHaveProperty('readShare');
  });

  it('reads a prompt under several kinds of attention at once, each with its own shares', async () => {
    const variants = [{ density: 0.25 }, { density: 0.25, auditShare: 0.05 }, 'dense'] as const;
    const measured = await side.readPaired({ promptTokens: 4096, chunkTokens: 512, variants });
    expect(measured).toHaveLength(3);
    for (const { tokensPerSecond } of measured) expect(tokensPerSecond).toBeGreaterThan(0);
    expect(measured[1]?.readShare).toBe(measured[0]?.readShare);
    expect(measured[2]).not.toHaveProperty('readShare');
  });

  it('decodes several sequences in one step', async () => {
    const four = {
      name: '',
      kind: 'decode',
      depth: 1024,
      sequences: 4,
      tokens: 4,
      sparsity: { density: 0.5 },
    } as const;
    expect((await side.measure(four)).readShare).toBeLessThan(0.6);
  });
});
