import { storedBytes, type StoredWeight } from './stored-weight.js';
import type { WeightPlan } from './weight-plan.js';

const PAGE_BYTES = 4096;
const LINE_BYTES = 64;

export interface WeightLayout {
  /** One per plan, in the order of the plans. */
  weights: readonly StoredWeight[];
  /** Size of the weights file. */
  bytes: number;
}

/**
 * Places every weight in the weights file. What fills a page starts on one, so that it can be mapped by itself; what
 * is smaller starts on a cache line.
 */
export function layoutWeights(plans: readonly WeightPlan[]): WeightLayout {
  const weights: StoredWeight[] = [];
  let end = 0;
  const place = (bytes: number): number => {
    const alignment = bytes >= PAGE_BYTES ? PAGE_BYTES : LINE_BYTES;
    const offset = Math.ceil(end / alignment) * alignment;
    end = offset + bytes;
    return offset;
  };
  for (const { name, format, rows, columns } of plans) {
    const bytes = storedBytes({ name, format, rows, columns });
    const offset = place(bytes.values);
    const scalesOffset = format === 'f32' ? null : place(bytes.scales);
    weights.push({ name, format, rows, columns, offset, scalesOffset });
  }
  return { weights, bytes: end };
}
