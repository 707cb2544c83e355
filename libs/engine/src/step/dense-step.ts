import { PAGE_TOKENS, pagesFor } from '../limits.js';
import type { RunnerStep } from '../ports.js';

/** A page to compute a token's KV on, and what of the sequence's own page has to be there first. */
export interface ScratchTable {
  readonly blockTable: Int32Array;
  /** Page with the tokens that come before in the same page; null where there are none. */
  readonly copyFrom: number | null;
}

/** The pages of sequence `b` of a step of one token for it, with the last one, which the token is written to, replaced. */
export function scratchTable(
  { pastLens, blockTable, blockTableWidth }: RunnerStep,
  b: number,
  page: number,
): ScratchTable {
  const past = pastLens[b] as number;
  const begin = b * blockTableWidth;
  const table = blockTable.slice(begin, begin + pagesFor(past + 1));
  const last = table.at(-1) as number;
  table[table.length - 1] = page;
  return { blockTable: table, copyFrom: past % PAGE_TOKENS === 0 ? null : last };
}

/** The one token of sequence `b` of a step again: alone, densely, drawing nothing, for its logits. */
export function denseStep(step: RunnerStep, b: number, blockTable: Int32Array): RunnerStep {
  const row = step.cuSeqlens[b] as number;
  return {
    tokenIds: step.tokenIds.slice(row, row + 1),
    cuSeqlens: Int32Array.of(0, 1),
    pastLens: step.pastLens.slice(b, b + 1),
    blockTable,
    blockTableWidth: blockTable.length,
    ...ropeOf(step, b),
    ropeClasses: step.ropeClasses,
    attention: [],
    logitRows: Int32Array.of(0),
    ...{ samples: [], scores: [], gates: [] },
    wantLogits: Int32Array.of(0),
  };
}

function ropeOf(
  { ropeInvFreq, ropeScale, ropeClasses, pastLens }: RunnerStep,
  b: number,
): Pick<RunnerStep, 'ropeInvFreq' | 'ropeScale'> {
  const batch = pastLens.length;
  const pairs = ropeInvFreq.length / (ropeClasses * batch);
  const rows = Array.from({ length: ropeClasses }, (_, c) => c * batch + b);
  return {
    ropeInvFreq: Float32Array.from(rows.flatMap((at) => [...ropeInvFreq.subarray(at * pairs, (at + 1) * pairs)])),
    ropeScale: Float32Array.from(rows, (at) => ropeScale[at] ?? 1),
  };
}
