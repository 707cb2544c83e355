import { invalidArgument } from '@longhaul/kernel';
import { missing, shown } from './checkpoint-errors.js';
import type { TensorInfo } from './checkpoint.js';

/** f32 values one read may return (2 GiB): past it a caller has forgotten to read in parts. */
export const MAX_READ_ELEMENTS = 2 ** 29;

/** Values per row: the product of all dimensions but the first. */
export function rowElements(shape: readonly number[]): number {
  return shape.slice(1).reduce((product, dimension) => product * dimension, 1);
}

/** Elements of a shape; NaN-free, but not checked for overflow: readers check shapes when they parse them. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/**
 * Finds the tensor and checks the rows asked for.
 *
 * @throws AppError `TENSOR_NOT_FOUND`, or `INVALID_ARGUMENT` for rows outside of it or more than `MAX_READ_ELEMENTS`.
 */
export function resolveRows<T extends TensorInfo>(
  tensors: ReadonlyMap<string, T>,
  name: string,
  range: { firstRow: number; rowCount: number },
): T {
  const tensor = tensors.get(name);
  if (!tensor) throw missing('TENSOR_NOT_FOUND', `The checkpoint has no tensor ${shown(name)}.`);
  const { firstRow, rowCount } = range;
  const rows = tensor.shape[0] ?? 1;
  const inside = Number.isInteger(firstRow) && Number.isInteger(rowCount) && firstRow >= 0 && rowCount >= 0;
  if (!inside || firstRow + rowCount > rows) {
    throw invalidArgument('rows', `Rows ${firstRow} + ${rowCount} lie outside ${name}, which has ${rows}.`, { rows });
  }
  if (rowCount * rowElements(tensor.shape) > MAX_READ_ELEMENTS) {
    throw invalidArgument(
      'rows',
      `${rowCount} rows of ${name} are more than ${MAX_READ_ELEMENTS} values in one read.`,
      {
        limit: MAX_READ_ELEMENTS,
      },
    );
  }
  return tensor;
}
