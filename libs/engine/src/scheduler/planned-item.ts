import type { Reservation } from '../pages/block-manager.js';
import type { LoadGate } from '../ports.js';
import type { Sequence } from '../sequence/sequence.js';

/** A prefix that arrives while the step computes over it. */
export interface GatedPrefix {
  readonly pages: readonly number[];
  readonly gate: LoadGate;
  /** See EarlyPrefix. */
  claim(): boolean;
}

/** What an item has when nothing is drafted. */
export const NO_DRAFTS = new Int32Array(0);

/**
 * One sequence's part in a step: positions [past, past + tokens). The last ones may hold drafted tokens: guesses of what
 * the draws before them will give. The step verifies them all at once, and its commit keeps those that were right.
 */
export interface PlannedItem {
  readonly sequence: Sequence;
  /** `sequence.computed`, and the tokens of the gated prefix. */
  readonly past: number;
  readonly tokens: number;
  readonly reservation: Reservation;
  /** Null: everything before is in the sequence's pages. */
  readonly gated: GatedPrefix | null;
  /** Drafted tokens among `tokens`; those of the sequence come before them. */
  readonly drafts: Int32Array;
}
