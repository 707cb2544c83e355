import { AppError } from '@longhaul/kernel';
import type { EngineContext } from '../context.js';
import { notify, type StepStats } from '../observer.js';
import { NO_DRAFTS, type PlannedItem } from '../scheduler/planned-item.js';
import type { Sequence } from '../sequence/sequence.js';
import { DraftLength } from './draft-length.js';
import type { Drafter } from './drafter.js';
import { VerificationCost } from './verification-cost.js';

interface DraftingState {
  /** Null when it has failed: nothing is drafted any more. */
  drafter: Drafter | null;
  readonly length: DraftLength;
}

/**
 * Decides which tokens are drafted for which sequences of a step, and learns from what came of it. Nothing here decides
 * a token: whatever it proposes, the answers are the same.
 */
export class Drafting {
  readonly #context: EngineContext;
  readonly #cost = new VerificationCost();
  readonly #states = new WeakMap<Sequence, DraftingState>();

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * @param items the step as it is planned without drafts.
   * @param room tokens that the step may still take.
   * @returns indices into `items` with what to verify there; together at most `room` tokens.
   */
  plan(items: readonly PlannedItem[], room: number): [number, Int32Array][] {
    const willing = items.flatMap((item, index) => (drafts(item) ? [index] : []));
    if (willing.length === 0) return [];
    const decodes = items.filter(isDecode).length;
    const tokens = items.reduce((sum, item) => sum + item.tokens, 0);
    const cost = this.#cost.relative(decodes, tokens);
    let left = Math.min(room, this.#context.limits.maxVerifiedTokens - decodes);
    return willing.flatMap((index, i): [number, Int32Array][] => {
      const share = Math.ceil(left / (willing.length - i));
      const proposed = this.#propose((items[index] as PlannedItem).sequence, share, cost);
      left -= proposed.length;
      return proposed.length > 0 ? [[index, proposed]] : [];
    });
  }

  /** A step has verified what was drafted for a sequence. */
  verified(sequence: Sequence, { drafted, accepted }: { drafted: number; accepted: number }): void {
    this.#states.get(sequence)?.length.observe(drafted, accepted);
    const { requestId } = sequence.owner.request;
    notify(() => this.#context.observer.verified?.({ requestId, drafted, accepted }));
  }

  observeStep(stats: StepStats): void {
    this.#cost.observe(stats);
  }

  /** Memory of the drafters of these sequences. */
  bytesOf(sequences: Iterable<Sequence>): number {
    let bytes = 0;
    for (const sequence of sequences) bytes += this.#states.get(sequence)?.drafter?.bytes ?? 0;
    return bytes;
  }

  #propose(sequence: Sequence, share: number, cost: number): Int32Array {
    const most = Math.min(share, mostDrafts(sequence));
    const { drafter, length } = this.#stateOf(sequence);
    if (most < 1 || drafter === null || !length.ready()) return NO_DRAFTS;
    const wanted = length.choose(most, cost);
    if (wanted === 0) return NO_DRAFTS;
    try {
      return this.#usable(sequence, drafter.propose(sequence.tokens.view(), wanted).subarray(0, wanted));
    } catch (cause) {
      this.#states.set(sequence, { drafter: null, length });
      const { requestId } = sequence.owner.request;
      notify(() => this.#context.observer.draftingFailed?.({ requestId, error: AppError.from(cause) }));
      return NO_DRAFTS;
    }
  }

  /** Up to a token that ends the answer, behind which nothing is computed, or that the model does not have. */
  #usable(sequence: Sequence, proposed: Int32Array): Int32Array {
    const { stopTokens } = sequence.owner;
    const { vocabSize } = this.#context.model;
    const end = proposed.findIndex((token) => stopTokens.has(token) || token < 0 || token >= vocabSize);
    return end < 0 ? proposed : proposed.subarray(0, end);
  }

  #stateOf(sequence: Sequence): DraftingState {
    const known = this.#states.get(sequence);
    if (known !== undefined) return known;
    const { speculation, maxTokens } = sequence.owner.request;
    const longestText = sequence.promptLength + maxTokens;
    const drafter = speculation && this.#context.openDrafter(speculation.kind, longestText);
    const state = { drafter, length: new DraftLength() };
    this.#states.set(sequence, state);
    return state;
  }
}

function isDecode({ sequence, past, tokens }: PlannedItem): boolean {
  return tokens === 1 && past + 1 === sequence.tokens.length;
}

/** Not before the first token has been drawn: until then choices may have to be forked. */
function drafts(item: PlannedItem): boolean {
  const { owner, outputLength, attention } = item.sequence;
  const allowed = owner.request.speculation !== null && (attention.at(item.past)?.drafts ?? true);
  return allowed && outputLength > 0 && item.gated === null && isDecode(item);
}

/** One draw comes behind every drafted token; the last token of an answer is never computed. And no text outgrows its tables. */
function mostDrafts({ owner, outputLength, rope, tokens }: Sequence): number {
  const { maxTokens, speculation } = owner.request;
  const output = maxTokens - outputLength - 1;
  return Math.min(speculation?.maxDraftTokens ?? 0, output, rope.longestTokens - tokens.length);
}
