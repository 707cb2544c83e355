import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importModel, openPackage, type ModelManifest } from '../src/index.js';
import { buildPackageGraph } from '../src/package/load-graph.js';
import { maxDifference, readGolden, relativeError } from './goldens.js';
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
  const model = await buildPackageGraph(await openPackage(dir));
  const rows = golden.positions.filter((position) => position < TOKENS);
  const prompt = { tokens: golden.promptTokens.slice(0, TOKENS), rows, lengthTokens: golden.promptTokens.length };
  const expected = golden.logits.subarray(0, rows.length * golden.vocabSize);
  return { expected, logits: await interpretGraph({ model, manifest, dir }, prompt) };
}

/** Of the prompt; more than two windows of the models that slide. */
const TOKENS = 160;

/** One case of each family, with its hardest RoPE; the native tests run all of them. */
const CASES = ['gemma2', 'gemma3', 'llama-yarn', 'mistral', 'phi3-long-v4', 'qwen2', 'qwen3', 'smollm3'];

describe('the graph of an imported checkpoint, interpreted in double precision', () => {
  it.each(CASES)('gives the logits of transformers: %s', async (name) => {
    const { expected, logits } = await interpretGolden(name, 'f32');
    expect(maxDifference(logits, expected)).toBeLessThan(1e-3);
  });

  it.each(['qwen2'])('stays close with int8 weights: %s', async (name) => {
    const { expected, logits } = await interpretGolden(name, 'int8');
    expect(relativeError(logits, expected)).toBeLessThan(0.1);
  });
});
