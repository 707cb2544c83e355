/** What defines the attention of one layer; the graph's attributes and operands. */
export interface AttentionShape {
  heads: number;
  kvHeads: number;
  headDim: number;
  /** 0 is no rotation. */
  ropeDim: number;
  scale: number;
  /** 0 is full attention. */
  window: number;
  /** 0 is none. */
  softcap: number;
  normEps: number;
  qNorm: Float32Array | null;
  kNorm: Float32Array | null;
  sinks: Float32Array | null;
}

type Vector = Float64Array;

function normalized(x: Vector, weights: Float32Array | null, eps: number): Vector {
  if (weights === null) return x;
  const mean = x.reduce((sum, value) => sum + value * value, 0) / x.length;
  return x.map((value, i) => (value / Math.sqrt(mean + eps)) * (weights[i] ?? NaN));
}

function rotated(x: Vector, position: number, invFreq: Float32Array): Vector {
  const pairs = invFreq.length;
  const result = Float64Array.from(x);
  for (let p = 0; p < pairs; p++) {
    const angle = position * (invFreq[p] ?? NaN);
    const [a, b] = [x[p] ?? NaN, x[p + pairs] ?? NaN];
    result[p] = a * Math.cos(angle) - b * Math.sin(angle);
    result[p + pairs] = b * Math.cos(angle) + a * Math.sin(angle);
  }
  return result;
}

function dot(a: Vector, b: Vector): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? NaN), 0);
}

/** What a bf16 pool keeps of a number: the nearest bf16, ties to the even one. */
export function nearestBf16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer);
  const low = bits[0] ?? 0;
  bits[0] = (low + 0x7fff + ((low >>> 16) & 1)) & 0xffff0000;
  return new Float32Array(bits.buffer)[0] ?? NaN;
}

/** Softmax over the logits and, where there is one, the sink, which takes weight and gives nothing. */
function weightsOf(logits: readonly number[], sink: number | undefined): number[] {
  const top = Math.max(...logits, sink ?? -Infinity);
  const powers = logits.map((logit) => Math.exp(logit - top));
  const total = powers.reduce((sum, power) => sum + power, sink === undefined ? 0 : Math.exp(sink - top));
  return powers.map((power) => power / total);
}

/**
 * Causal attention of a whole prompt in double precision, straight from the definition.
 *
 * @param rows [T, (heads + 2 kvHeads) headDim]: q | k | v of each token
 * @param pool.kept what is kept of each number of a key or a value
 * @returns [T, heads headDim]
 */
export function referenceAttention(
  shape: AttentionShape,
  rows: Float32Array,
  pool: { invFreq: Float32Array; kept: (x: number) => number },
): Float64Array {
  const { invFreq, kept } = pool;
  const { heads, kvHeads, headDim, window } = shape;
  const columns = (heads + 2 * kvHeads) * headDim;
  const tokens = rows.length / columns;
  const head = (t: number, h: number) =>
    Float64Array.from(rows.subarray(t * columns + h * headDim, t * columns + (h + 1) * headDim));
  const prepared = (t: number, h: number, weights: Float32Array | null) =>
    rotated(normalized(head(t, h), weights, shape.normEps), t, invFreq);
  const positions = Array.from({ length: tokens }, (_, t) => t);
  const out = new Float64Array(tokens * heads * headDim);
  for (let h = 0; h < heads; h++) {
    const kvHead = heads + Math.floor(h / (heads / kvHeads));
    const keys = positions.map((t) => prepared(t, kvHead, shape.kNorm).map(kept));
    const values = positions.map((t) => head(t, kvHead + kvHeads).map(kept));
    for (const t of positions) {
      const query = prepared(t, h, shape.qNorm);
      const first = window > 0 ? Math.max(0, t - window + 1) : 0;
      const logits = keys.slice(first, t + 1).map((key) => {
        const score = dot(query, key) * shape.scale;
        return shape.softcap > 0 ? shape.softcap * Math.tanh(score / shape.softcap) : score;
      });
      weightsOf(logits, shape.sinks?.[h]).forEach((weight, i) => {
        values[first + i]?.forEach((value, d) => {
          const at = (t * heads + h) * headDim + d;
          out[at] = (out[at] ?? NaN) + weight * value;
        });
      });
    }
  }
  return out;
}
