import type { CompiledPolicy } from '@longhaul/attention';
import type { SequenceAttentionOptions, StepAttention } from '../ports.js';
import type { AttentionStates, OpenAttention } from './attention-states.js';
import { AuditWindows } from './audit-windows.js';

/** From a position on the text is computed under a policy; null is dense. */
interface PolicySpan {
  readonly from: number;
  readonly policy: CompiledPolicy | null;
}

/**
 * How one sequence is computed: under one policy, and from some generated token on perhaps under a denser one. Which one it
 * is goes by position, so that what is computed again is computed as it was. Holds what the runner keeps for it, as a part of
 * the transaction that a step is: what a step may have to take back is tried on a copy.
 */
export class SequencePolicy {
  readonly #decodeFrom: number;
  readonly #options: SequenceAttentionOptions;
  /** Ascending. */
  #spans: readonly PolicySpan[];
  #current: OpenAttention | null = null;
  #trial: OpenAttention | null = null;
  #fallbacks = 0;
  #audited = new AuditWindows();

  constructor(policy: CompiledPolicy | null, promptLength: number, options: SequenceAttentionOptions) {
    this.#options = options;
    this.#decodeFrom = promptLength;
    this.#spans = [{ from: 0, policy }];
  }

  /** Open states, for whoever counts them. */
  get held(): number {
    return (this.#current === null ? 0 : 1) + (this.#trial === null ? 0 : 1);
  }

  /** How often it has been given a denser policy. */
  get fallbacks(): number {
    return this.#fallbacks;
  }

  /** What the audit has found of its latest policy. Kept over preemptions, since nothing is judged twice. */
  get audited(): AuditWindows {
    return this.#audited;
  }

  /** Policy of the token at a position. */
  at(position: number): CompiledPolicy | null {
    return this.#spans.findLast(({ from }) => from <= position)?.policy ?? null;
  }

  /** Where another policy begins behind a position: no chunk crosses it. */
  spanEnd(position: number): number {
    return this.#spans.find(({ from }) => from > position)?.from ?? Infinity;
  }

  /**
   * Another policy from here on: a denser one, whatever it was chosen for. Prompts are never changed, since others may have
   * their KV.
   *
   * @param computed tokens of the text that may have been computed already. Not while a step computes the sequence.
   */
  fallBack(policy: CompiledPolicy | null, computed: number): void {
    const from = Math.max(this.#decodeFrom, computed);
    this.#fallbacks++;
    this.#audited = new AuditWindows();
    this.#spans = [...this.#spans.filter((span) => span.from < from), { from, policy }];
  }

  /** A step is about to compute [past, past + tokens). @returns null: densely. */
  begin(
    { past, tokens }: { past: number; tokens: number },
    states: AttentionStates,
  ): Omit<StepAttention, 'sequence'> | null {
    const policy = this.at(past);
    if (this.#current !== null && this.#current.policy !== policy) this.close();
    if (policy === null) return null;
    this.#current ??= states.openFor(policy, this.#options);
    const generated = past + tokens - Math.max(past, this.#decodeFrom);
    // One token computed again finds its own selection. Of several the first would find that of the last.
    if (generated > 1 && !policy.drafts) this.#trial = this.#current.fork();
    return { state: (this.#trial ?? this.#current).state, decodeFrom: this.#decodeFrom };
  }

  /** The step counts. */
  commit(): void {
    if (this.#trial === null) return;
    this.#current?.close();
    this.#current = this.#trial;
    this.#trial = null;
  }

  /** The step does not count. */
  release(): void {
    this.#trial?.close();
    this.#trial = null;
  }

  /** A choice begins with everything that another one has computed. */
  share(parent: SequencePolicy): void {
    this.#spans = parent.#spans;
    this.#current = parent.#current?.fork() ?? null;
  }

  /** Nothing of it is computed any more. */
  close(): void {
    this.release();
    this.#current?.close();
    this.#current = null;
  }
}
