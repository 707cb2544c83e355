import type { SampleResult, SampleSpec } from '../ports.js';
import { gumbelNoise } from './philox.js';

const NONE: SampleResult = {
  token: -1,
  logprob: Number.NaN,
  topTokens: new Int32Array(0),
  topLogprobs: new Float32Array(0),
};

/**
 * The definition of sampling, in its plainest form. The native sampler must agree with it; simulated runners use it.
 *
 * Order: logit bias, banned tokens, repetition, frequency and presence penalties (each step rounded to f32),
 * temperature, min-p, top-k, top-p over what is left, then argmax(z / T + Gumbel noise). Temperature 0 is the argmax
 * of the processed logits. Ties go to the lower id. Log-probabilities are those of the raw logits.
 *
 * @param logits [vocab] raw logits.
 * @returns token -1 when a logit is NaN or +infinity, or no token is left.
 */
export function sampleReference(logits: Float32Array, spec: SampleSpec): SampleResult {
  if (!usable(logits)) return NONE;
  const z = processLogits(logits, spec);
  const max = maximum(z);
  if (!Number.isFinite(max)) return NONE;
  const token = spec.temperature === 0 ? z.indexOf(max) : drawToken(z, spec);
  if (spec.logprobs < 0) return { ...NONE, token };
  return scoreReference(logits, token, spec.logprobs);
}

/** Log-probability of a token and of the likeliest ones, from the raw logits. */
export function scoreReference(logits: Float32Array, token: number, top: number): SampleResult {
  const max = usable(logits) ? maximum(logits) : Number.NaN;
  if (!Number.isFinite(max) || token < 0 || token >= logits.length) return NONE;
  let sum = 0;
  for (const z of logits) sum += Math.exp(z - max);
  const logprobOf = (id: number): number => at(logits, id) - max - Math.log(sum);
  const best = top === 0 ? [] : byRank(logits).slice(0, top);
  return {
    token,
    logprob: Math.fround(logprobOf(token)),
    topTokens: Int32Array.from(best),
    topLogprobs: Float32Array.from(best, logprobOf),
  };
}

/** Bias, bans and penalties; a new row. */
export function processLogits(logits: Float32Array, spec: SampleSpec): Float32Array {
  // Storing into a Float32Array is the rounding that the definition asks for.
  const z = Float32Array.from(logits);
  spec.biasTokens.forEach((id, i) => {
    z[id] = at(z, id) + at(spec.biasValues, i);
  });
  spec.seenTokens.forEach((id, i) => {
    z[id] = at(z, id) > 0 ? at(z, id) / spec.repetitionPenalty : at(z, id) * spec.repetitionPenalty;
    const count = at(spec.seenCounts, i);
    if (count <= 0) return;
    z[id] = at(z, id) - spec.frequencyPenalty * count;
    z[id] = at(z, id) - spec.presencePenalty;
  });
  spec.bannedTokens.forEach((id) => {
    z[id] = -Infinity;
  });
  return z;
}

/** Token ids that min-p, top-k and top-p leave, in falling order of the logit. */
export function survivors(z: Float32Array, spec: SampleSpec): number[] {
  let ids = byRank(z);
  const max = at(z, ids[0] ?? 0);
  const gap = (id: number): number => (at(z, id) - max) / spec.temperature;
  if (spec.minP > 0) ids = ids.filter((id) => gap(id) >= Math.log(spec.minP));
  if (spec.topK > 0) ids = ids.slice(0, spec.topK);
  if (spec.topP >= 1) return ids;
  const target = spec.topP * ids.reduce((sum, id) => sum + Math.exp(gap(id)), 0);
  let mass = 0;
  const end = ids.findIndex((id) => (mass += Math.exp(gap(id))) >= target);
  return end < 0 ? ids : ids.slice(0, end + 1);
}

function drawToken(z: Float32Array, spec: SampleSpec): number {
  const ids = survivors(z, spec);
  const max = at(z, ids[0] ?? 0);
  let best = -1;
  let bestScore = -Infinity;
  for (const id of ids) {
    const score = (at(z, id) - max) / spec.temperature + gumbelNoise(spec, id);
    if (best >= 0 && (score < bestScore || (score === bestScore && id > best))) continue;
    best = id;
    bestScore = score;
  }
  return best;
}

function byRank(z: Float32Array): number[] {
  const ids: number[] = [];
  z.forEach((value, id) => {
    if (value > -Infinity) ids.push(id);
  });
  return ids.sort((a, b) => at(z, b) - at(z, a) || a - b);
}

function maximum(z: Float32Array): number {
  return z.reduce((max, value) => (value > max ? value : max), -Infinity);
}

function usable(z: Float32Array): boolean {
  return z.every((value) => value < Infinity);
}

function at(row: { readonly [index: number]: number }, index: number): number {
  return row[index] ?? Number.NaN;
}
