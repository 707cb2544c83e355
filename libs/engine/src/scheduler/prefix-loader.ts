import type { LoadGate } from '../ports.js';
import type { Sequence } from '../sequence/sequence.js';

/** A prefix that is about to be there: a step may compute what follows it, behind a gate. */
export interface EarlyPrefix {
  /** What the sequence's block table goes on with once everything is there. */
  readonly pages: readonly number[];
  /** Makes the gate for the step that now begins. Called once, last. */
  open(): LoadGate;
  /** After the step: if everything is there, the sequence has it now. False: the step's result means nothing. */
  claim(): boolean;
}

/** A load that the scheduler may give up, or begin to use. */
export interface LoadHandle {
  /** Pages it has set aside. */
  readonly reserved: number;
  abort(): void;
  /** @param alone nobody else would be held up. @returns null while it is too early, or not to be. */
  early(alone: boolean): EarlyPrefix | null;
}

/** Loads prefixes from a store; what the scheduler needs of it. */
export interface PrefixLoader {
  /** @param done called once, later, unless aborted. @returns null when there is nothing to load. */
  load(sequence: Sequence, done: (loadedTokens: number) => void): LoadHandle | null;
}
