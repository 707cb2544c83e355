import { AppError } from '@longhaul/kernel';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { WeightLayout } from '../graph/weight-layout.js';
import type { WeightPart, WeightPlan, WeightPlans } from '../graph/weight-plan.js';
import type { HashedFile } from '../package/hashed-file.js';
import { quantiseRows } from '../quantise/quantise-rows.js';

/** Values held at a time: 8 MiB of f32. */
const CHUNK_VALUES = 1 << 21;

export interface WriteWeightsOptions {
  checkpoint: Checkpoint;
  plans: WeightPlans;
  layout: WeightLayout;
  onProgress: (doneBytes: number) => void;
  signal: AbortSignal | undefined;
}

async function* readPart(
  part: WeightPart,
  plan: WeightPlan,
  options: WriteWeightsOptions,
): AsyncGenerator<Float32Array> {
  const step = Math.max(1, Math.floor(CHUNK_VALUES / (plan.columns ?? 1)));
  for (let first = 0; first < part.rows; first += step) {
    options.signal?.throwIfAborted();
    const rows = await options.checkpoint.readRows(part.tensor, first, Math.min(step, part.rows - first));
    if (plan.offset !== 0) for (let i = 0; i < rows.length; i++) rows[i] = (rows[i] as number) + plan.offset;
    yield rows;
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function notFinite(tensor: string, cause?: unknown): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'TENSOR_NOT_FINITE',
    message: `Tensor ${tensor} holds a value that is not finite.`,
    field: 'source',
    cause,
  });
}

async function writeF32(file: HashedFile, plan: WeightPlan, options: WriteWeightsOptions): Promise<void> {
  for (const part of plan.parts) {
    for await (const rows of readPart(part, plan, options)) {
      if (!rows.every(Number.isFinite)) throw notFinite(part.tensor);
      await file.append(bytesOf(rows));
      options.onProgress(file.bytes);
    }
  }
}

/** Writes the block values as they come and returns the scales, an eighth of the size at most. */
async function writeBlocks(file: HashedFile, plan: WeightPlan, options: WriteWeightsOptions): Promise<Float32Array[]> {
  const scales: Float32Array[] = [];
  for (const part of plan.parts) {
    for await (const rows of readPart(part, plan, options)) {
      const quantised = quantisePart(part, rows, plan);
      scales.push(quantised.scales);
      await file.append(quantised.values);
      options.onProgress(file.bytes);
    }
  }
  return scales;
}

function quantisePart(part: WeightPart, rows: Float32Array, plan: WeightPlan) {
  try {
    return quantiseRows(rows, plan.columns ?? 1, plan.format === 'int4' ? 4 : 8);
  } catch (cause) {
    if (cause instanceof RangeError) throw notFinite(part.tensor, cause);
    throw cause;
  }
}

/**
 * Streams all weights into the weights file at the offsets of the layout.
 *
 * @remarks Holds one chunk of rows and the scales of one weight at a time.
 */
export async function writeWeights(file: HashedFile, options: WriteWeightsOptions): Promise<void> {
  const offsets = new Map(
    options.layout.initializers.map(({ name, data }) => [name, data.kind === 'external' ? data.offset : 0]),
  );
  for (const plan of options.plans.all) {
    if (plan.format === 'f32') {
      await file.padTo(offsets.get(plan.name) ?? 0);
      await writeF32(file, plan, options);
      continue;
    }
    await file.padTo(offsets.get(`${plan.name}.values`) ?? 0);
    const scales = await writeBlocks(file, plan, options);
    await file.padTo(offsets.get(`${plan.name}.scales`) ?? 0);
    for (const part of scales) await file.append(bytesOf(part));
  }
}
