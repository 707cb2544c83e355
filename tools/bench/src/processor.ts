import { readFileSync } from 'node:fs';

/** Kinds of processors that bars against peers are set for; all others are measured without bars. */
export type ProcessorKind = 'Intel with AVX-512 VNNI' | 'AVX2 without AVX-512' | 'other';

/** @param cpuinfo text of /proc/cpuinfo. */
export function processorKind(cpuinfo: string): ProcessorKind {
  const field = (name: string): string => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(cpuinfo)?.[1] ?? '';
  const flags = new Set(field('flags').split(' '));
  if (flags.has('avx512_vnni') && field('vendor_id') === 'GenuineIntel') return 'Intel with AVX-512 VNNI';
  if (flags.has('avx2') && !flags.has('avx512f')) return 'AVX2 without AVX-512';
  return 'other';
}

/** The kind of the processor that this runs on. */
export function thisProcessor(): ProcessorKind {
  try {
    return processorKind(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return 'other';
  }
}
