import type { KernelOperator, KernelRate } from '@longhaul/engine-native';
import type { LevelRates, OperatorProfile } from './kernel-profile.js';

/** Levels so near to the best count as equal; the one that needs least of the processor is taken then. */
const EQUAL_SHARE = 0.97;

/**
 * The best level of every operator that was measured. Prefill and decode weigh the same: what counts is the geometric
 * mean of a level's two rates, each as a share of the best level's, as the one is a user's time to the first token and
 * the other the time to each later one. One level serves both, because a token must get the same bits in both.
 *
 * @param rates levels of an operator in the order of their instruction sets.
 */
export function bestLevels(rates: readonly KernelRate[]): OperatorProfile[] {
  const operators = [...new Set(rates.map(({ operator }) => operator))];
  return operators.map((operator) => bestOf(operator, rates));
}

function bestOf(operator: KernelOperator, all: readonly KernelRate[]): OperatorProfile {
  const rates = all
    .filter((rate) => rate.operator === operator)
    .map(({ level, prefillGops, decodeGbps, runs }) => ({ level, prefillGops, decodeGbps, runs }));
  const scores = scoresOf(rates);
  const enough = EQUAL_SHARE * Math.max(...scores);
  const best = rates.find((_, i) => (scores[i] ?? 0) >= enough);
  if (best === undefined) throw new RangeError(`no level of ${operator} was measured`);
  return { operator, level: best.level, rates };
}

function scoresOf(rates: readonly LevelRates[]): number[] {
  const prefill = shares(rates.map(({ prefillGops }) => prefillGops));
  const decode = shares(rates.map(({ decodeGbps }) => decodeGbps));
  return decode.map((share, i) => Math.sqrt(share * (prefill[i] ?? 1)));
}

/** Rates as shares of the largest; all 1 where there is none. */
function shares(rates: readonly number[]): number[] {
  const largest = Math.max(...rates);
  return rates.map((rate) => (largest > 0 ? rate / largest : 1));
}
