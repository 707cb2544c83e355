import { z } from 'zod';
import { NUMBER_RANGES as RANGES } from '../config/number-ranges.js';
import { storedBytes, type StoredWeight } from '../graph/stored-weight.js';
import { BLOCK_VALUES } from '../quantise/block-format.js';

/** Offsets in the weights file are multiples of a cache line. */
const ALIGNMENT_BYTES = 64;
const MAX_WEIGHTS = 64 * RANGES.num_hidden_layers.max;
const MAX_ROWS = RANGES.vocab_size.max;
const MAX_COLUMNS = RANGES.intermediate_size.max;

const offset = z.int().min(0).multipleOf(ALIGNMENT_BYTES);

const storedWeight = z
  .strictObject({
    name: z.string().min(1).max(200),
    format: z.enum(['f32', 'int8', 'int4']),
    rows: z.int().min(1).max(MAX_ROWS),
    columns: z.int().min(1).max(MAX_COLUMNS).nullable(),
    offset,
    scalesOffset: offset.nullable(),
  })
  .refine(({ format, scalesOffset }) => (scalesOffset === null) === (format === 'f32'), 'has scales against its format')
  .refine(
    ({ format, columns }) => format === 'f32' || (columns !== null && columns % BLOCK_VALUES === 0),
    `has packed rows that are no multiple of ${BLOCK_VALUES}`,
  );

const weightIndex = z.strictObject({ weights: z.array(storedWeight).min(1).max(MAX_WEIGHTS) });

/** The bytes of weights.json: a weight a line. */
export function encodeWeightIndex(weights: readonly StoredWeight[]): Uint8Array {
  const lines = weights.map((weight) => JSON.stringify(weight));
  return Buffer.from(`{"weights":[\n${lines.join(',\n')}\n]}\n`);
}

/** Every weight must lie in the file, behind the one before it. */
function requireApart(weights: readonly StoredWeight[], fileBytes: number): void {
  const names = new Set<string>();
  let end = 0;
  for (const weight of weights) {
    const bytes = storedBytes(weight);
    const parts = [
      { start: weight.offset, length: bytes.values },
      { start: weight.scalesOffset ?? weight.offset + bytes.values, length: bytes.scales },
    ];
    for (const { start, length } of parts) {
      if (start < end || start + length > fileBytes)
        throw new RangeError(`places ${weight.name} over another or outside`);
      end = start + length;
    }
    if (names.has(weight.name)) throw new RangeError(`names ${weight.name} twice`);
    names.add(weight.name);
  }
}

/**
 * The weights that weights.json lists.
 *
 * @param fileBytes size of the weights file.
 * @throws RangeError saying what is wrong.
 */
export function parseWeightIndex(json: unknown, fileBytes: number): readonly StoredWeight[] {
  const parsed = weightIndex.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new RangeError(`is damaged at ${issue?.path.join('.') ?? 'its root'} (${issue?.message ?? 'invalid'})`);
  }
  requireApart(parsed.data.weights, fileBytes);
  return parsed.data.weights;
}
