import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PackageRunner, type RunnerOptions } from '@longhaul/testing';
import { importModel, loadGraph, openPackage, ropeTables, type WeightScheme } from '../src/index.js';
import { PULL_TIMEOUT_MS, pullDefaultModel } from './support/default-model.js';

const GOLDENS = fileURLToPath(new URL('../../../tools/goldens/out/smollm2-135m', import.meta.url));
const RUN_TIMEOUT_MS = 300_000;
/** Two continuations may part where the reference's own choice is nearer than this to its runner-up. */
const NEAR_TIE = 1e-3;

/** Of the committed text of 2,299 tokens; enough to tell 1 %. */
const SCORED_TOKENS = 1024;

interface GreedyPrompt {
  name: string;
  promptTokens: readonly number[];
  outputTokens: readonly number[];
  secondTokens: readonly number[];
  margins: readonly number[];
}

const readJson = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(GOLDENS, name), 'utf8')) as T;

/** -log p of `token` in a row of logits that starts at `start`; loops, as there are a hundred million values. */
function negativeLogLikelihood(
  logits: Float32Array,
  { start, vocabSize }: { start: number; vocabSize: number },
  token: number,
): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let i = start; i < start + vocabSize; i++) top = Math.max(top, logits[i] as number);
  let sum = 0;
  for (let i = start; i < start + vocabSize; i++) sum += Math.exp((logits[i] as number) - top);
  return Math.log(sum) + top - (logits[start + token] ?? Number.NaN);
}

describe('the default model', () => {
  let work = '';
  let source = '';
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'longhaul-default-model-'));
    source = await pullDefaultModel();
  }, PULL_TIMEOUT_MS);
  afterAll(() => rm(work, { recursive: true, force: true }));

  async function open(weights: WeightScheme, kv: RunnerOptions['kv']): Promise<PackageRunner> {
    const dir = join(work, weights);
    const manifest = await importModel({ source, out: dir, weights });
    const tables = (lengthTokens: number) => manifest.ropeClasses.map((rope) => ropeTables(rope, lengthTokens));
    const graph = await loadGraph(await openPackage(dir));
    const model = { graph, manifest, ropeTables: tables };
    return PackageRunner.open({ model, kv, poolTokens: 3072, threads: 2 });
  }

  it(
    'in f32 continues every prompt as transformers does, up to a near tie',
    async () => {
      const { prompts } = await readJson<{ prompts: readonly GreedyPrompt[] }>('greedy.json');
      const runner = await open('f32', 'f32');
      for (const { name, promptTokens, outputTokens, margins } of prompts) {
        const output = await runner.greedy(promptTokens, outputTokens.length);
        const parting = outputTokens.findIndex((token, i) => token !== output[i]);
        if (parting < 0) continue;
        console.info(`${name}: parts at token ${parting}, where the margin is ${margins[parting]}`);
        expect(margins[parting]).toBeLessThan(NEAR_TIE);
      }
      await runner.dispose();
    },
    RUN_TIMEOUT_MS,
  );

  it(
    'in int8 with bf16 KV keeps the perplexity of f32 within 1 %',
    async () => {
      const golden = await readJson<{ tokens: readonly number[]; nll: readonly number[] }>('perplexity.json');
      const runner = await open('int8', 'bf16');
      const sequence = runner.createSequence(golden.tokens.length);
      const scored = Math.min(SCORED_TOKENS, golden.nll.length);
      let sum = 0;
      for (let from = 0; from < scored; from += 128) {
        const tokens = golden.tokens.slice(from, Math.min(from + 128, scored));
        const logits = await runner.step([{ sequence, tokens, logitsOf: tokens.map((_, i) => i) }]);
        const vocabSize = logits.length / tokens.length;
        tokens.forEach((_, i) => {
          const next = golden.tokens[from + i + 1] ?? -1;
          sum += negativeLogLikelihood(logits, { start: i * vocabSize, vocabSize }, next);
        });
      }
      const reference = golden.nll.slice(0, scored).reduce((total, value) => total + value, 0);
      expect(Math.abs(Math.exp((sum - reference) / scored) - 1)).toBeLessThan(0.01);
      await runner.dispose();
    },
    RUN_TIMEOUT_MS,
  );
});
