/** A share of the limit that kernels must reach, on any processor. */
interface Bar {
  /** Beginning of the names of the cases that it is for. */
  readonly cases: RegExp;
  /** The limit that binds. */
  readonly binds: RegExp;
  readonly share: number;
}

/**
 * The first one that fits counts. Without a bar: attention at depth 0, half of whose products are masked, verification of
 * drafts, and arithmetic on the bf16 dot product or on tiles.
 */
const BARS: readonly Bar[] = [
  { cases: /^linear /, binds: /^integer dot$/, share: 0.5 },
  { cases: /^linear decode /, binds: /^DRAM read$/, share: 0.75 },
  { cases: /^attention prefill .* at [1-9]/, binds: /^f32 FMA$/, share: 0.68 },
  { cases: /^attention prefill .* at [1-9]/, binds: /^integer dot$/, share: 0.3 },
  { cases: /^attention decode /, binds: /^DRAM read$/, share: 0.75 },
  { cases: /^attention decode /, binds: /dot$|FMA$/, share: 0.6 },
];

/** Null where none is set. */
export function barOf(row: { readonly case: string; readonly binds: string }): number | null {
  return BARS.find((bar) => bar.cases.test(row.case) && bar.binds.test(row.binds))?.share ?? null;
}

/** Shares of a part that are at most wanted: of scoring in attention that reads a part of the keys. */
const MOST: readonly { readonly cases: RegExp; readonly share: number }[] = [
  { cases: /^share of scores .*, prefill /, share: 0.2 },
  { cases: /^share of scores .*, decode /, share: 0.3 },
];

/** Null where none is set. */
export function mostOf(name: string): number | null {
  return MOST.find((bar) => bar.cases.test(name))?.share ?? null;
}
