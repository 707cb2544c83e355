import { isPreset, writtenPreset } from './presets.js';
import type { Branch, PolicySpec } from './policy.js';

/**
 * Whether tokens may be drafted under a policy: a step must compute the same for several new tokens at once as for one
 * after the other, so nothing may be kept from step to step, neither a list nor the sums behind a summary. The same for
 * every model.
 */
export function allowsDrafts(spec: PolicySpec): boolean {
  const { plans } = isPreset(spec) ? writtenPreset(spec, ANY_MODEL) : spec;
  return plans.every(({ branches }) => branches.every(keepsNothing));
}

/** Presets keep lists for all models or for none. */
const ANY_MODEL = { layers: 32 };

function keepsNothing(branch: Branch): boolean {
  if (!('selector' in branch)) return true;
  const { reuse, exec } = branch;
  if (exec === 'summary') return false;
  return reuse === undefined || reuse.kind === 'always' || (reuse.kind === 'every' && reuse.steps === 1);
}
