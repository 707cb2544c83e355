import type { ModelShape } from '../model-shape.js';

/** What of a model calibration needs to know: lists by head are [layers, heads] or [layers, kvHeads], rows of them. */
export type HeadsShape = Pick<ModelShape, 'layers' | 'heads' | 'kvHeads' | 'headDim'>;

/** [layers][kvHeads] of a list of all KV heads. */
export function byLayer<T>(values: readonly T[], { layers, kvHeads }: Pick<HeadsShape, 'layers' | 'kvHeads'>): T[][] {
  return Array.from({ length: layers }, (_, layer) => values.slice(layer * kvHeads, (layer + 1) * kvHeads));
}

/** Of each KV head, the values of its query heads: head `h` has the keys of KV head `h / group`. */
export function byKvHead(values: ArrayLike<number>, { layers, heads, kvHeads }: HeadsShape): number[][] {
  const group = heads / kvHeads;
  return Array.from({ length: layers * kvHeads }, (_, head) =>
    Array.from({ length: group }, (_, i) => values[head * group + i] as number),
  );
}

/** As artefacts keep them: rounding of another machine's sums seldom shows. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
