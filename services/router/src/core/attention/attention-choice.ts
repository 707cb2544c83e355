import { isPlainPreset, type AttentionChoice, type PolicySpec } from '@longhaul/attention';

/** What has to be allowed for a policy. A preset that is changed in anything is a policy of the caller's own. */
export function choiceOf(spec: PolicySpec): AttentionChoice {
  return isPlainPreset(spec) ? spec.preset : 'custom';
}
