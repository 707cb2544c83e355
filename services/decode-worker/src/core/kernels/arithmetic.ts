import type { KvDtype } from '@longhaul/engine-native';

/**
 * The class of arithmetic that fills KV, as the fingerprint of stored blocks names it: the KV type with its basis, and
 * sums in f32. Not the kernel level and not the processor: those move low bits only, which processes may share. Equal
 * bits are promised within one kernel profile.
 */
export function arithmeticOf(kvDtype: KvDtype): string {
  return `${kvDtype}-f32acc`;
}
