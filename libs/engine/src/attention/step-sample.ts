/** A place that no layer has, so that steps are not sampled where queries are. */
const STEPS = 1n << 63n;

/**
 * Whether a decode step of a choice is compared with dense attention: by prompt, choice and position alone.
 *
 * @param key of the prompt, see `auditKey`.
 * @param share of the steps, 0 to 1.
 */
export function isStepSampled(key: bigint, at: { choice: number; position: number }, share: number): boolean {
  const place = STEPS | (BigInt(at.choice) << 32n) | BigInt(at.position);
  // 53 bits: as many as the share has.
  return Number(mixed(mixed(key) ^ place) >> 11n) * 2 ** -53 < share;
}

/** SplitMix64, as the runner samples queries: every bit of the result depends on every bit of x. */
function mixed(x: bigint): bigint {
  let z = BigInt.asUintN(64, x + 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}
