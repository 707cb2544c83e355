import { availableParallelism } from 'node:os';
import { bestLevels, measuredOperators } from '@longhaul/decode-worker';
import {
  KERNEL_OPERATORS,
  type Engine,
  type KernelLevel,
  type KernelOperator,
  type KernelRate,
  type KvDtype,
  type MeasuredOperator,
} from '@longhaul/engine-native';
import type { ModelManifest } from '@longhaul/model';

/** A level of an operator, with its rates where it runs here. */
export interface KernelLine {
  operator: KernelOperator;
  level: KernelLevel;
  supported: boolean;
  /** Of one thread while the others do the same; null where it does not run here. */
  prefillGops: number | null;
  decodeGbps: number | null;
  /** Whether a server would run this one, by these rates. */
  best: boolean;
}

/** Longer than a server takes: nobody waits for an answer, and the reference is measured as well. */
const BUDGET_MS = 1500;

/** The shapes that are measured where no model is named: those of SmolLM2-135M. */
export const DEFAULT_SHAPE: ModelManifest['shape'] = {
  ...{ layers: 30, hiddenSize: 576, intermediateSize: 1536, vocabSize: 49_152 },
  ...{ heads: 9, kvHeads: 3, headDim: 64 },
};

/** Measures every level of every operator, for KV and weights of all types. */
export async function kernelLines(engine: Engine, shape: ModelManifest['shape']): Promise<KernelLine[]> {
  const operators = allOperators(engine, shape);
  const threads = availableParallelism();
  const rates = await engine.measureKernels({ threads, budgetMs: BUDGET_MS, operators });
  const best = new Map(bestLevels(rates.filter(isContender(engine))).map(({ operator, level }) => [operator, level]));
  return operators.flatMap(({ operator }) =>
    engine.runtime.kernels[operator].map(({ level, supported }) => {
      const rate = rates.find((one) => one.operator === operator && one.level === level);
      return {
        ...{ operator, level, supported, best: best.get(operator) === level },
        ...{ prefillGops: rate?.prefillGops ?? null, decodeGbps: rate?.decodeGbps ?? null },
      };
    }),
  );
}

/** A server compares the scalar reference only where it is alone. */
function isContender({ runtime }: Engine): (rate: KernelRate) => boolean {
  return ({ operator, level }) =>
    level !== 'scalar' || runtime.kernels[operator].filter(({ supported }) => supported).length === 1;
}

function allOperators({ runtime }: Engine, shape: ModelManifest['shape']): MeasuredOperator[] {
  const found = new Map<KernelOperator, MeasuredOperator>();
  for (const scheme of ['int8', 'int4'] as const) {
    for (const dtype of kvDtypes()) {
      for (const one of measuredOperators({ shape, weights: { scheme } }, dtype, runtime.kernels)) {
        if (found.has(one.operator)) continue;
        const runnable = runtime.kernels[one.operator].filter(({ supported }) => supported);
        found.set(one.operator, { ...one, levels: runnable.map(({ level }) => level) });
      }
    }
  }
  return KERNEL_OPERATORS.flatMap((operator) => found.get(operator) ?? []);
}

function kvDtypes(): KvDtype[] {
  return KERNEL_OPERATORS.filter((operator) => operator.startsWith('attention/')).map(
    (operator) => operator.slice('attention/'.length) as KvDtype,
  );
}
