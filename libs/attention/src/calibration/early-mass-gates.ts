import { byKvHead, byLayer, rounded, type HeadsShape } from './heads-shape.js';

/** Mean queries [layers, heads, headDim] and keys [layers, kvHeads, headDim] over many texts, after their norm and before rotation. */
export interface MeanVectors {
  readonly queries: Float64Array;
  readonly keys: Float64Array;
}

/** How a layer rotates: pair i of dimensions (i, i + pairs) by `invFreq[i]` a position. Null: it does not. */
export interface LayerRotation {
  readonly invFreq: ArrayLike<number>;
  /** Multiplies cosines and sines. */
  readonly scale: number;
}

export interface EarlyMassModel extends HeadsShape {
  readonly rotations: readonly (LayerRotation | null)[];
  /** Multiplies logits. */
  readonly attentionScale: number;
  readonly softcap: number | null;
}

/** Positions that the mean key is put at. */
const POSITIONS = 500;

/**
 * Gates without training and without a search: the mean query of a head, at the last of 500 positions, looks at its mean key at each of
 * them. The earlier the keys that it gives its attention to, the higher the gate (as kvpress estimates DuoAttention's gates).
 *
 * @returns [layers][kvHeads]: the mean over positions of the attention up to there; query heads of a KV head count alike. A half is
 * attention without preference.
 */
export function earlyMassGates(means: MeanVectors, model: EarlyMassModel): number[][] {
  const { layers, heads, kvHeads } = model;
  const scores = Array.from({ length: layers * heads }, (_, at) => {
    const layer = Math.floor(at / heads);
    const kvHead = layer * kvHeads + Math.floor((at % heads) / (heads / kvHeads));
    return earlyMass(vectorAt(means.queries, at, model), vectorAt(means.keys, kvHead, model), { model, layer });
  });
  const gates = byKvHead(scores, model).map((group) => rounded(group.reduce((a, b) => a + b, 0) / group.length));
  return byLayer(gates, model);
}

function vectorAt(values: Float64Array, index: number, { headDim }: HeadsShape): Float64Array {
  return values.subarray(index * headDim, (index + 1) * headDim);
}

function earlyMass(
  query: Float64Array,
  key: Float64Array,
  { model, layer }: { model: EarlyMassModel; layer: number },
): number {
  const rotation = model.rotations[layer] ?? null;
  const last = rotated(query, POSITIONS - 1, rotation);
  const logits = Array.from({ length: POSITIONS }, (_, position) =>
    logitOf(last, rotated(key, position, rotation), model),
  );
  const top = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - top));
  const total = weights.reduce((a, b) => a + b, 0);
  // The weight at position i is in all sums from there on.
  return weights.reduce((sum, weight, i) => sum + weight * (POSITIONS - i), 0) / (total * POSITIONS);
}

function logitOf(query: Float64Array, key: Float64Array, { attentionScale, softcap }: EarlyMassModel): number {
  const product = query.reduce((sum, q, d) => sum + q * (key[d] as number), 0) * attentionScale;
  return softcap === null ? product : softcap * Math.tanh(product / softcap);
}

function rotated(vector: Float64Array, position: number, rotation: LayerRotation | null): Float64Array {
  if (rotation === null) return vector;
  const { invFreq, scale } = rotation;
  const result = vector.slice();
  for (let i = 0; i < invFreq.length; i++) {
    const [a, b] = [vector[i] as number, vector[i + invFreq.length] as number];
    const angle = position * (invFreq[i] as number);
    const [cosine, sine] = [Math.cos(angle) * scale, Math.sin(angle) * scale];
    result[i] = a * cosine - b * sine;
    result[i + invFreq.length] = b * cosine + a * sine;
  }
  return result;
}
