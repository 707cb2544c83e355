import { byLayer, type HeadsShape } from './heads-shape.js';

/**
 * Dimensions of keys by their weight: the sum over tokens of |q_d k_d| of each token with itself (Double Sparsity,
 * arXiv:2408.07092, section 3.1). Dimensions that rotate together stand together, the heavier first: one without the other says
 * something else at every position.
 *
 * @param products [layers, kvHeads, headDim], sums of whatever texts.
 * @param rotaryDims of each layer: dimensions i and i + rotaryDims / 2 rotate together; 0: none do.
 * @returns [layers][kvHeads][headDim], by falling weight; each dimension once.
 */
export function labelChannels(products: Float64Array, shape: HeadsShape, rotaryDims: readonly number[]): number[][][] {
  const { layers, kvHeads, headDim } = shape;
  const orders = Array.from({ length: layers * kvHeads }, (_, head) =>
    orderOf(products.subarray(head * headDim, (head + 1) * headDim), rotaryDims[Math.floor(head / kvHeads)] ?? 0),
  );
  return byLayer(orders, shape);
}

interface Together {
  readonly dims: readonly number[];
  /** For each of them. */
  readonly weight: number;
}

function orderOf(weights: Float64Array, rotaryDims: number): number[] {
  const weightOf = (dim: number): number => weights[dim] ?? 0;
  const pairs = rotaryDims / 2;
  const together = Array.from({ length: weights.length - pairs }, (_, i): Together => {
    // The pairs, then what does not rotate.
    const dims = i < pairs ? [i, i + pairs] : [i + pairs];
    dims.sort((a, b) => weightOf(b) - weightOf(a) || a - b);
    return { dims, weight: dims.reduce((sum, dim) => sum + weightOf(dim), 0) / dims.length };
  });
  together.sort((a, b) => b.weight - a.weight || (a.dims[0] as number) - (b.dims[0] as number));
  return together.flatMap(({ dims }) => dims);
}
