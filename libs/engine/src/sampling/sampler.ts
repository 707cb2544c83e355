import type { DrawStatus, SampleResult, SampleSpec } from '../ports.js';
import { gumbelNoise } from './philox.js';

const LARGEST = (2 - 2 ** -23) * 2 ** 127;
const NOT_SCORED = { logprob: Number.NaN, topTokens: new Int32Array(0), topLogprobs: new Float32Array(0) };

/**
 * The definition of sampling, in its plainest form. The native sampler must agree with it; simulated runners use it.
 *
 * Order: logit bias, banned tokens, repetition, frequency and presence penalties (each step rounded to f32
 * and kept finite), temperature, min-p, top-k, top-p over what is left, then argmax(z / T + Gumbel noise). Temperature 0 is the argmax
 * of the processed logits. Ties go to the lower id. Log-probabilities are those of the raw logits.
 *
 * @param logits [vocab] raw logits.
 * @returns a failed draw when a raw logit is NaN or +infinity, or no token is left.
 */
export function sampleReference(logits: Float32Array, spec: SampleSpec): SampleResult {
  if (!rangesValid(spec)) return failed('invalid-input');
  if (!usable(logits)) return failed('not-finite');
  const z = processLogits(logits, spec);
  const max = maximum(z);
  if (!Number.isFinite(max)) return failed('no-candidate');
  const token = spec.temperature === 0 ? z.indexOf(max) : drawToken(z, spec);
  if (spec.logprobs < 0) return { status: 'ok', token, ...NOT_SCORED };
  return scoreReference(logits, token, spec.logprobs);
}

/** Log-probability of a token and of the likeliest ones, from the raw logits. */
export function scoreReference(logits: Float32Array, token: number, top: number): SampleResult {
  if (token < 0 || token >= logits.length) return failed('invalid-input');
  if (!usable(logits)) return failed('not-finite');
  const max = maximum(logits);
  let sum = 0;
  for (const z of logits) sum += Math.exp(z - max);
  const logprobOf = (id: number): number => saturated(at(logits, id) - max - Math.log(sum));
  const best = top === 0 ? [] : byRank(logits).slice(0, top);
  return {
    status: 'ok',
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
    z[id] = saturated(at(z, id) + at(spec.biasValues, i));
  });
  spec.seenTokens.forEach((id, i) => {
    z[id] = saturated(at(z, id) > 0 ? at(z, id) / spec.repetitionPenalty : at(z, id) * spec.repetitionPenalty);
    const count = at(spec.seenCounts, i);
    if (count <= 0) return;
    z[id] = saturated(at(z, id) - spec.frequencyPenalty * count);
    z[id] = saturated(at(z, id) - spec.presencePenalty);
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

/** No NaN, no +infinity, and one token at least that is not masked. */
function usable(z: Float32Array): boolean {
  return z.every((value) => value < Infinity) && z.some((value) => value > -Infinity);
}

/** Kept within what is finite in f32; -Infinity, which stands for a token that cannot be drawn, stays. */
function saturated(value: number): number {
  return value === -Infinity ? value : Math.min(LARGEST, Math.max(-LARGEST, value));
}

/** What a request may ask for. Written so that NaN fails as well. */
function rangesValid(spec: SampleSpec): boolean {
  const within = (value: number, least: number, most: number): boolean => value >= least && value <= most;
  return (
    within(spec.temperature, 0, 2) &&
    within(spec.topP, Number.MIN_VALUE, 1) &&
    spec.topK >= 0 &&
    within(spec.minP, 0, 1) &&
    within(spec.repetitionPenalty, 0.01, 100) &&
    within(spec.presencePenalty, -2, 2) &&
    within(spec.frequencyPenalty, -2, 2) &&
    spec.biasValues.every((value) => within(value, -100, 100))
  );
}

function failed(status: DrawStatus): SampleResult {
  return { status, token: -1, ...NOT_SCORED };
}

function at(row: { readonly [index: number]: number }, index: number): number {
  return row[index] ?? Number.NaN;
}
