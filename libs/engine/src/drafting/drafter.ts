import type { SpeculationKind } from '@longhaul/inference';

/**
 * Proposes how one text may go on. Every proposal is verified by the model before it becomes part of an answer: a drafter
 * can cost time and can never change a token. One drafter belongs to one choice; it shares nothing with others, so that
 * nobody can learn from its speed what somebody else's text is.
 */
export interface Drafter {
  /**
   * Takes no time that a step would notice: what it has to learn from a long text it learns over several calls, and
   * proposes nothing until then.
   *
   * @param text prompt and answer so far; between two calls it only grows. A view, valid during the call.
   * @param most at least 1.
   * @returns at most `most` tokens that may follow the text, nearest first; empty when it has no idea.
   */
  propose(text: Int32Array, most: number): Int32Array;
  /** Memory that it holds. */
  readonly bytes: number;
}

/** @param longestText the most tokens that the text will ever have. */
export type OpenDrafter = (kind: SpeculationKind, longestText: number) => Drafter;
