import { isPreset } from './presets.js';
import type { PolicySpec } from './policy.js';

/** What a policy is called: of a preset its name, else what its writer called it, or `custom`. */
export function policyName(spec: PolicySpec): string {
  return isPreset(spec) ? spec.preset : (spec.name ?? 'custom');
}
