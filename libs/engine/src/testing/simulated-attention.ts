import type { CompiledPolicy, NativeHeadPlan } from '@longhaul/attention';
import { QUERY_BLOCK } from '../attention/position-rules.js';
import type { SequenceAttention, SequenceAttentionOptions } from '../ports.js';
import { mix } from './mix.js';

type Told = (change: 'opened' | 'forked' | 'closed') => void;

/**
 * Attention under a policy as the simulated model has it: what a row sees depends on the policy's arithmetic, on its phase, on
 * the whole of its block of queries where the policy says so, and in decode on the last selection. So another chunk cut, another
 * `decodeFrom`, KV of another policy or a lost selection changes every token that follows.
 */
export class SimulatedAttention implements SequenceAttention {
  readonly policy: CompiledPolicy;
  closed = false;
  /** As it was opened, and as forks have it. */
  readonly options: SequenceAttentionOptions;
  #selection: number | null;
  readonly #told: Told;

  /** @param of how it is opened, and what it takes over, if it is a fork. */
  constructor(
    policy: CompiledPolicy,
    told: Told,
    of: { options: SequenceAttentionOptions; forked: { selection: number | null } | null },
  ) {
    const { options, forked } = of;
    this.policy = policy;
    this.options = options;
    this.#told = told;
    this.#selection = forked?.selection ?? null;
    told(forked === null ? 'opened' : 'forked');
  }

  fork(): SimulatedAttention {
    this.#assertOpen();
    return new SimulatedAttention(this.policy, this.#told, {
      options: this.options,
      forked: { selection: this.#selection },
    });
  }

  close(): void {
    this.#assertOpen();
    this.closed = true;
    this.#told('closed');
  }

  /**
   * @param row its position, and the state of everything before it.
   * @param block of queries that the row is in, as far as the step has it: the first position and the tokens.
   * @returns what is mixed into the state; null where the row sees everything.
   */
  see(
    row: { position: number; state: number },
    block: { begin: number; tokens: Int32Array },
    decodeFrom: number,
  ): number | null {
    if (row.position >= decodeFrom) return this.#seeDecode(row, decodeFrom);
    const last = block.begin + block.tokens.length - 1;
    if (this.policy.alignment === 1) {
      return this.#dense('prefill', row.position) ? null : mix(hashOf(this.policy.prefillNumerics), row.position);
    }
    if (this.#dense('prefill', last)) return null;
    let view = mix(hashOf(this.policy.prefillNumerics), block.begin);
    for (const token of block.tokens) view = mix(view, token);
    return view;
  }

  #seeDecode({ position, state }: { position: number; state: number }, decodeFrom: number): number | null {
    if (this.#dense('decode', position)) return null;
    if (this.#selection === null || this.#selects({ position, state }, decodeFrom))
      this.#selection = mix(state, position);
    return mix(hashOf(this.policy.numericsId), this.#selection);
  }

  /** A list that is kept while the query stays alike: one state in three is another query. */
  #selects({ position, state }: { position: number; state: number }, decodeFrom: number): boolean {
    const plans = this.#plans('decode');
    const every = Math.max(1, ...plans.map(({ reuseEvery }) => reuseEvery));
    if (every === 1 && plans.some(({ reuseCosine }) => reuseCosine <= 1)) return mix(state, 3) % 3 === 0;
    return (position - decodeFrom) % every === 0;
  }

  #dense(phase: 'prefill' | 'decode', position: number): boolean {
    return (
      this.policy.skipSoftmax === 0 &&
      this.#plans(phase).every(({ rule, denseBelow }) => rule === 'all' || position < denseBelow)
    );
  }

  #plans(phase: 'prefill' | 'decode'): NativeHeadPlan[] {
    const { table, plans } = this.policy;
    const half = table.length / 2;
    const used = new Set(phase === 'prefill' ? table.subarray(0, half) : table.subarray(half));
    return Array.from(used, (index) => plans[index] as NativeHeadPlan);
  }

  #assertOpen(): void {
    if (this.closed) throw new Error('an attention state is used after it was closed');
  }
}

/** First position of the block of queries that a row is in, by position alone. */
export function blockBegin(position: number, decodeFrom: number): number {
  return position < decodeFrom ? position - (position % QUERY_BLOCK) : position;
}

/** End of that block. */
export function blockEnd(position: number, decodeFrom: number): number {
  if (position >= decodeFrom) return position + 1;
  return Math.min(decodeFrom, blockBegin(position, decodeFrom) + QUERY_BLOCK);
}

function hashOf(text: string): number {
  let hash = 7;
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
  return hash;
}
