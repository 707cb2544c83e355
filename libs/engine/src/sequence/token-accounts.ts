import { notify, type EngineObserver, type TokenTally } from '../observer.js';
import type { Sequence } from './sequence.js';

/**
 * Tells the observer of every token at the moment its KV is there or it is drawn, so that the sums are right however a
 * request ends. Over a request that runs to its end, the prompt tokens of all sources add up to its prompt; what a
 * preempted sequence computes again is told apart.
 */
export class TokenAccounts {
  readonly #observer: EngineObserver;

  constructor(observer: EngineObserver) {
    this.#observer = observer;
  }

  /** The sequence was given the KV of its first tokens: from the pool, and behind that from the store. */
  given(sequence: Sequence, pooledTokens: number, loadedTokens: number): void {
    const end = pooledTokens + loadedTokens;
    this.#prompt(sequence, 'local_cache_hit', [sequence.furthest, pooledTokens]);
    this.#prompt(sequence, 'external_kv_transfer', [Math.max(sequence.furthest, pooledTokens), end]);
    sequence.furthest = Math.max(sequence.furthest, end);
  }

  /** A step has computed tokens [begin, end). */
  computed(sequence: Sequence, begin: number, end: number): void {
    const fresh = Math.max(begin, sequence.furthest);
    this.#prompt(sequence, 'local_compute', [fresh, end]);
    this.#tell(sequence, { kind: 'recomputed', tokens: Math.min(fresh, end) - begin });
    sequence.furthest = Math.max(sequence.furthest, end);
  }

  /** A token has been drawn. */
  generated(sequence: Sequence): void {
    this.#tell(sequence, { kind: 'generated', tokens: 1 });
  }

  #prompt(sequence: Sequence, source: PromptSource, [begin, end]: readonly [number, number]): void {
    const tokens = Math.min(end, sequence.promptLength) - begin;
    this.#tell(sequence, { kind: 'prompt', source, tokens });
  }

  #tell(sequence: Sequence, tally: TokenTally): void {
    if (tally.tokens <= 0) return;
    const { requestId } = sequence.owner.request;
    notify(() => this.#observer.tokens?.({ requestId, ...tally }));
  }
}

type PromptSource = Extract<TokenTally, { kind: 'prompt' }>['source'];
