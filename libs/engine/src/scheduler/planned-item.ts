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

/** One sequence's part in a step: positions [past, past + tokens). */
export interface PlannedItem {
  readonly sequence: Sequence;
  /** `sequence.computed`, and the tokens of the gated prefix. */
  readonly past: number;
  readonly tokens: number;
  readonly reservation: Reservation;
  /** Null: everything before is in the sequence's pages. */
  readonly gated: GatedPrefix | null;
}
