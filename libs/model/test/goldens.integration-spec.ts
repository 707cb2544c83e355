import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PackageRunner, type RunnerOptions } from '@longhaul/testing';
import { importModel, loadGraph, openPackage, ropeTables, type WeightScheme } from '../src/index.js';
import {
  goldenCases,
  largestFlippedMargin,
  maxDifference,
  readGolden,
  relativeError,
  topAgreement,
  type Golden,
} from './goldens.js';

/** Sizes of the chunks in which a prompt is computed: at once, across pages and windows, and down to single tokens. */
const CHUNKINGS: readonly (readonly number[])[] = [[1024], [100, 1, 37], [16]];

let work = '';
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'longhaul-goldens-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

async function openGolden(name: string, weights: WeightScheme, kv: RunnerOptions['kv']) {
  const golden = await readGolden(name);
  const dir = join(work, `${name}-${weights}-${kv}`);
  const manifest = await importModel({ source: golden.dir, out: dir, weights });
  const tables = (lengthTokens: number) => manifest.ropeClasses.map((rope) => ropeTables(rope, lengthTokens));
  const graph = await loadGraph(await openPackage(dir));
  const model = { graph, manifest, ropeTables: tables };
  return { golden, runner: await PackageRunner.open({ model, kv, poolTokens: 512 }) };
}

async function forEachChunking(
  { golden, runner }: { golden: Golden; runner: PackageRunner },
  check: (logits: Float32Array) => void,
): Promise<void> {
  for (const chunks of CHUNKINGS) check(await runner.promptLogits(golden.promptTokens, chunks, golden.positions));
  await runner.dispose();
}

describe.each(goldenCases)('the imported checkpoint %s', (name) => {
  it('gives the logits of transformers within 2e-3, f32 throughout, however the prompt is chunked', async () => {
    const opened = await openGolden(name, 'f32', 'f32');
    await forEachChunking(opened, (logits) => {
      expect(maxDifference(logits, opened.golden.logits)).toBeLessThanOrEqual(2e-3);
    });
  });
});

describe('KV in bf16', () => {
  it('ranks the same token first at 99 % of the rows of all goldens, and elsewhere only near ties differ', async () => {
    const agreements: number[] = [];
    for (const name of goldenCases) {
      const opened = await openGolden(name, 'f32', 'bf16');
      const { logits: expected, vocabSize } = opened.golden;
      await forEachChunking(opened, (logits) => {
        agreements.push(topAgreement(logits, expected, vocabSize));
        expect(largestFlippedMargin(logits, expected, vocabSize)).toBeLessThan(0.05);
      });
    }
    expect(agreements.reduce((sum, share) => sum + share, 0) / agreements.length).toBeGreaterThanOrEqual(0.99);
  });
});

describe('quantised weights', () => {
  it.each([
    ['qwen2', 'int8', 0.1],
    ['gemma2', 'int8', 0.1],
    ['phi3-short', 'int8', 0.1],
    ['llama-sharded', 'int4', 0.3],
  ] as const)('%s in %s stays close to the reference', async (name, weights, error) => {
    const opened = await openGolden(name, weights, 'f32');
    await forEachChunking(opened, (logits) => {
      expect(relativeError(logits, opened.golden.logits)).toBeLessThan(error);
    });
  });
});
