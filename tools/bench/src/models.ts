import { join } from 'node:path';
import { type ModelPackage, prepareModel, pullModel, type WeightScheme } from '@longhaul/model';
import { type BenchCase, DEFAULT_MODEL_CASES, HALF_BILLION_CASES } from './cases.js';
import { HALF_BILLION } from './gguf/llama-shape.js';
import { cachedRandomGguf } from './gguf/write-random-gguf.js';

/** A model to measure: one GGUF file that both sides read, and its import, with int8 weights if not said otherwise. */
export interface BenchModel {
  name: string;
  gguf: string;
  package: ModelPackage;
  cases: readonly BenchCase[];
  /** Whether bars against peers are set for its shape. */
  hasPeerBars: boolean;
}

const RANDOM = HALF_BILLION.name;
const DEFAULT = 'smollm2-135m-instruct';

/** Names that `--model` takes. */
export const BENCH_MODELS: readonly string[] = [RANDOM, DEFAULT];

/** Writes or fetches the file, and imports it, unless that was done before. */
export async function benchModel(name: string, cacheDir: string, weights: WeightScheme = 'int8'): Promise<BenchModel> {
  if (!BENCH_MODELS.includes(name)) throw new Error(`--model: ${name} is not one of ${BENCH_MODELS.join(', ')}`);
  const gguf =
    name === RANDOM
      ? await cachedRandomGguf(cacheDir, HALF_BILLION)
      : await pullModel(DEFAULT, { cacheDir: join(cacheDir, 'checkpoints') });
  const imported = await prepareModel(gguf, { home: cacheDir, weights });
  const isRandom = name === RANDOM;
  const cases = isRandom ? HALF_BILLION_CASES : DEFAULT_MODEL_CASES;
  return { name, gguf, package: imported, cases, hasPeerBars: isRandom };
}
