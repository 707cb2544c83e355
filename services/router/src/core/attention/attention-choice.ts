import { isPreset, presetNames, type PolicySpec, type PresetName } from '@longhaul/attention';

/** What stands for whole policies, beside the names of presets, where it is said what requests may ask for. */
export const CUSTOM = 'custom';

/** What may be allowed: presets by name, and whole policies. */
export type AttentionChoice = PresetName | typeof CUSTOM;

export const attentionChoices = [...presetNames, CUSTOM] as const satisfies readonly AttentionChoice[];

/** What has to be allowed for a policy. A preset that is changed in anything is a policy of the caller's own. */
export function choiceOf(spec: PolicySpec): AttentionChoice {
  return isPreset(spec) && spec.dense_below === undefined ? spec.preset : CUSTOM;
}
