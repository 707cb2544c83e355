import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildGraph, importModel, openCheckpoint, parseConfig, planWeights, type ModelManifest } from '../src/index.js';
import { goldenCases, maxDifference, readGolden, topAgreement } from './goldens.js';
import { interpretGraph } from './graph-interpreter.js';

let work = '';
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'longhaul-goldens-'));
});
afterAll(() => rm(work, { recursive: true, force: true }));

async function interpretGolden(name: string, weights: ModelManifest['weights']['scheme']) {
  const golden = await readGolden(name);
  const dir = join(work, `${name}-${weights}`);
  const manifest = await importModel({ source: golden.dir, out: dir, weights });
  const checkpoint = await openCheckpoint(golden.dir);
  const spec = parseConfig(checkpoint.config);
  const { model } = buildGraph(spec, planWeights(spec, checkpoint.tensors, weights));
  await checkpoint.close();
  const prompt = { tokens: golden.promptTokens, rows: golden.positions };
  return { golden, logits: await interpretGraph({ model, manifest, dir }, prompt) };
}

describe('the graph of an imported checkpoint, interpreted in double precision', () => {
  it.each(goldenCases)('gives the logits of transformers: %s', async (name) => {
    const { golden, logits } = await interpretGolden(name, 'f32');
    expect(maxDifference(logits, golden.logits)).toBeLessThan(1e-3);
  });

  it.each(['gemma2', 'qwen2', 'phi3-short'])('stays close with int8 weights: %s', async (name) => {
    const { golden, logits } = await interpretGolden(name, 'int8');
    expect(topAgreement(logits, golden.logits, golden.vocabSize)).toBeGreaterThan(0.9);
  });
});
