import type { KvDtype } from '@longhaul/engine-native';

/**
 * The class of arithmetic that fills KV, as the fingerprint of stored blocks names it: the KV type with its basis, and
 * the type of sums. Not the kernel level and not the processor: those move low bits only, which processes may share. Equal
 * bits are promised within one kernel profile.
 */
export function arithmeticOf(kvDtype: KvDtype): string {
  return ARITHMETIC[kvDtype];
}

const ARITHMETIC: Readonly<Record<KvDtype, string>> = {
  bf16: 'bf16-f32acc',
  f32: 'f32-f32acc',
  int8: 'int8-hadamard-i32acc',
};
