import {
  AttentionKind,
  BlockCodec,
  BlockDtype,
  BlockLayout,
  HeaderFlag,
  QualityClass,
  RopeMode,
  SectionKind,
} from '@longhaul/kv-core';

/** The name of a number of the block format; the number itself where this version does not know it. */
function nameIn(names: Readonly<Record<string, number>>): (value: number) => string {
  return (value) => Object.entries(names).find(([, number]) => number === value)?.[0] ?? String(value);
}

export const dtypeName = nameIn(BlockDtype);
export const codecName = nameIn(BlockCodec);
export const layoutName = nameIn(BlockLayout);
export const ropeName = nameIn(RopeMode);
export const attentionName = nameIn(AttentionKind);
export const qualityName = nameIn(QualityClass);
export const sectionName = nameIn(SectionKind);

/** The names of the bits that are set. */
export function flagNames(flags: number): string[] {
  return Object.entries(HeaderFlag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
}
