import { AppError } from '@longhaul/kernel';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { StoredWeight } from '../graph/stored-weight.js';
import type { WeightLayout } from '../graph/weight-layout.js';
import type { WeightPart, WeightPlan } from '../graph/weight-plan.js';
import type { HashedFile } from '../package/hashed-file.js';
import { PANEL_ROWS, packPanels, type PackedPanels } from '../quantise/pack-panels.js';
import { quantiseRows, type QuantisedRows } from '../quantise/quantise-rows.js';

/** Values held at a time: 8 MiB of f32. */
const CHUNK_VALUES = 1 << 21;

export interface WriteWeightsOptions {
  checkpoint: Checkpoint;
  plans: readonly WeightPlan[];
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

function bytesOf(values: Float32Array | Float16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function notFinite(tensor: string): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'TENSOR_NOT_FINITE',
    message: `Tensor ${tensor} holds a value that is not finite.`,
    field: 'source',
  });
}

/** Scales of blocks are f16: what is past them has none. */
function tooLarge(plan: WeightPlan): AppError {
  const tensors = plan.parts.map(({ tensor }) => tensor).join(', ');
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'TENSOR_TOO_LARGE',
    message: `Tensor ${tensors} holds a value that is too large for ${plan.format} weights (their scale has to fit f16); import with --weights f32.`,
    field: 'source',
  });
}

/** The values are finite; only the scale of a block can fail. */
function quantised(rows: Float32Array, plan: WeightPlan): QuantisedRows {
  try {
    return quantiseRows(rows, plan.columns ?? 1, plan.format === 'int4' ? 4 : 8);
  } catch (error) {
    if ((error as Partial<Error> | null)?.name === 'RangeError') throw tooLarge(plan);
    throw error;
  }
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

/** Rows of all parts of a plan in chunks of whole panels; the last chunk may end within one. */
async function* readPanels(plan: WeightPlan, options: WriteWeightsOptions): AsyncGenerator<Float32Array> {
  const columns = plan.columns ?? 1;
  let rest = new Float32Array(0);
  for (const part of plan.parts) {
    for await (const rows of readPart(part, plan, options)) {
      if (!rows.every(Number.isFinite)) throw notFinite(part.tensor);
      const joined = new Float32Array(rest.length + rows.length);
      joined.set(rest);
      joined.set(rows, rest.length);
      const whole = Math.floor(joined.length / columns / PANEL_ROWS) * PANEL_ROWS * columns;
      if (whole > 0) yield joined.subarray(0, whole);
      rest = joined.slice(whole);
    }
  }
  if (rest.length > 0) yield rest;
}

/** Writes the values as they come and returns the scales, an eighth of the size at most. */
async function writePanels(file: HashedFile, plan: WeightPlan, options: WriteWeightsOptions): Promise<Float16Array[]> {
  const scales: Float16Array[] = [];
  for await (const rows of readPanels(plan, options)) {
    const packed: PackedPanels = packPanels(quantised(rows, plan));
    scales.push(packed.scales);
    await file.append(packed.values);
    options.onProgress(file.bytes);
  }
  return scales;
}

/**
 * Streams all weights into the weights file at the offsets of the layout.
 *
 * @remarks Holds one chunk of rows and the scales of one weight at a time.
 */
export async function writeWeights(file: HashedFile, options: WriteWeightsOptions): Promise<void> {
  for (const [index, plan] of options.plans.entries()) {
    const { offset, scalesOffset } = options.layout.weights[index] as StoredWeight;
    await file.padTo(offset);
    if (scalesOffset === null) {
      await writeF32(file, plan, options);
      continue;
    }
    const scales = await writePanels(file, plan, options);
    await file.padTo(scalesOffset);
    for (const part of scales) await file.append(bytesOf(part));
  }
}
