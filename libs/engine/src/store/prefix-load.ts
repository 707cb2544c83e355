import { AppError } from '@longhaul/kernel';
import { QualityClass, type PrefixMatch, type Tier, type TierSpan } from '@longhaul/kv-core';
import { PAGE_TOKENS } from '../limits.js';
import type { BlockManager, PageHold } from '../pages/block-manager.js';
import type { Clock } from '../ports.js';
import type { Sequence } from '../sequence/sequence.js';
import type { BlockChain } from './block-chain.js';
import { GroupLoad } from './group-load.js';
import { SKIPPED_PAGE } from './page-transfer.js';
import { blocksWorthLoading, type LoadSpeed, type PrefillSpeed } from './speed.js';
import type { StoreHealth } from './store-health.js';
import type { StoreNamespaces } from './store-namespaces.js';
import type { PrefixStoreOptions } from './store-options.js';
import { deadlineAfter, within } from './within.js';

/** What the loads of one engine share. */
export interface LoadContext {
  readonly options: PrefixStoreOptions;
  readonly clock: Clock;
  readonly blocks: BlockManager;
  readonly namespaces: StoreNamespaces;
  readonly health: StoreHealth;
  readonly prefill: PrefillSpeed;
  readonly speed: LoadSpeed;
}

/** How a load ended. */
export interface LoadOutcome {
  /** Tokens of the blocks that were looked up. */
  readonly askedTokens: number;
  /** Blocks that the store said it has, that were worth loading, and that arrived sound. */
  readonly matchedBlocks: number;
  readonly chosenBlocks: number;
  readonly loadedBlocks: number;
  readonly bytes: number;
  readonly ms: number;
  /** Why fewer than chosen. */
  readonly error: AppError | null;
}

/**
 * Loads what follows the cached prefix of one sequence into pages of its own, invisible to everybody until `finish`.
 * Ends by itself within the load timeout, or soon after `abort`.
 */
export class PrefixLoad {
  readonly #sequence: Sequence;
  readonly #chain: BlockChain;
  readonly #context: LoadContext;
  readonly #controller = new AbortController();
  readonly #firstPage: number;
  readonly #pagesPerBlock: number;
  #hold: PageHold | null = null;
  #loadedBlocks = 0;

  constructor(sequence: Sequence, chain: BlockChain, context: LoadContext) {
    this.#sequence = sequence;
    this.#chain = chain;
    this.#context = context;
    this.#firstPage = sequence.pages.length;
    this.#pagesPerBlock = context.options.geometry.blockTokens / PAGE_TOKENS;
  }

  /** Pages set aside for the load. */
  get reserved(): number {
    return this.#hold?.pages.length ?? 0;
  }

  /** The sequence does not want it any more. Its pages are free as soon as no copy into them is under way. */
  abort(): void {
    if (this.#hold !== null) this.#hold.ending = true;
    this.#controller.abort(new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The load was given up.' }));
  }

  /** Rejects never. Afterwards either `finish` or `discard` is due, at once. */
  async run(): Promise<LoadOutcome> {
    const startMs = this.#context.clock.monotonicMs();
    const { blockTokens } = this.#context.options.geometry;
    const deadline = deadlineAfter(this.#context.options.limits.loadTimeoutMs, this.#controller.signal);
    const progress = { askedTokens: this.#keys().length * blockTokens, matchedBlocks: 0, chosenBlocks: 0, bytes: 0 };
    let error: AppError | null = null;
    try {
      error = await this.#load(deadline.signal, progress);
    } catch (cause) {
      error = AppError.from(cause);
    } finally {
      deadline.dispose();
    }
    const ms = this.#context.clock.monotonicMs() - startMs;
    return { ...progress, loadedBlocks: this.#loadedBlocks, ms, error };
  }

  /** Gives the loaded pages to the sequence and makes their blocks visible. @returns tokens loaded. */
  finish(): number {
    if (this.#hold === null) return 0;
    const wanted = this.#loadedBlocks * this.#pagesPerBlock - (this.#firstPage % this.#pagesPerBlock);
    const count = Math.min(this.#hold.pages.length, Math.max(0, wanted));
    this.#context.blocks.adoptLoaded(this.#sequence, this.#hold, count);
    return count * PAGE_TOKENS;
  }

  /** Frees the pages: the sequence is gone or waits again. */
  discard(): void {
    if (this.#hold !== null) this.#context.blocks.releaseHold(this.#hold);
  }

  get #firstBlock(): number {
    return Math.floor(this.#firstPage / this.#pagesPerBlock);
  }

  async #load(
    signal: AbortSignal,
    progress: { matchedBlocks: number; chosenBlocks: number; bytes: number },
  ): Promise<AppError | null> {
    const match = await this.#lookup(signal);
    progress.matchedBlocks = match.matchedBlocks;
    try {
      const chosen = this.#reserve(this.#choose(match));
      progress.chosenBlocks = chosen;
      const { groupBlocks } = this.#context.options.limits;
      for (let begin = 0; begin < chosen; begin += groupBlocks) {
        const error = await this.#loadGroup({
          match,
          begin,
          end: Math.min(chosen, begin + groupBlocks),
          signal,
          progress,
        });
        if (error !== null) return error;
      }
      return null;
    } finally {
      if (match.leaseId.length > 0) this.#release(match.leaseId);
    }
  }

  async #lookup(signal: AbortSignal): Promise<PrefixMatch> {
    const { options, namespaces, health } = this.#context;
    const { lookupTimeoutMs, loadTimeoutMs } = options.limits;
    const deadline = deadlineAfter(lookupTimeoutMs, signal);
    try {
      const { space } = this.#chain;
      await within(deadline.signal, namespaces.handshake(space, deadline.signal));
      const lookup = {
        namespace: space.namespace,
        keys: this.#keys(),
        minQuality: QualityClass.exact,
        leaseMs: loadTimeoutMs + lookupTimeoutMs,
      };
      const match = await within(deadline.signal, options.store.lookupPrefix(lookup, { signal: deadline.signal }));
      health.succeeded();
      return match;
    } catch (error) {
      if (!signal.aborted) {
        health.failed();
        namespaces.forgetHandshakes();
      }
      throw error;
    } finally {
      deadline.dispose();
    }
  }

  /** Keys of the full blocks that begin within the prompt and are not in the pool as a whole. */
  #keys(): Uint8Array[] {
    const { blockTokens } = this.#context.options.geometry;
    const blocks = Math.floor(this.#sequence.tokens.length / blockTokens) - this.#firstBlock;
    return Array.from({ length: blocks }, (_, i) => this.#chain.key(this.#firstBlock + i));
  }

  #choose(match: PrefixMatch): number {
    const { options, prefill, speed } = this.#context;
    // The last match counts only as far as it was asked for.
    const matched = Math.min(match.matchedBlocks, this.#keys().length);
    if (options.limits.loadPolicy === 'always' || !prefill.measured) return matched;
    const { blockTokens } = options.geometry;
    const computeMicros = (block: number): number => {
      const begin = (this.#firstBlock + block) * blockTokens;
      return prefill.micros(Math.max(begin, this.#firstPage * PAGE_TOKENS), begin + blockTokens);
    };
    return Math.min(
      matched,
      blocksWorthLoading(match.spans, (span) => speed.micros(span), computeMicros),
    );
  }

  /** Takes pages for at most so many blocks; fewer when the pool is short. At least the last token is computed. */
  #reserve(blocks: number): number {
    const { pool } = this.#context.blocks;
    const usable = Math.floor((this.#sequence.tokens.length - 1) / PAGE_TOKENS);
    const wanted = Math.min(usable, (this.#firstBlock + blocks) * this.#pagesPerBlock) - this.#firstPage;
    const count = Math.min(wanted, pool.available);
    if (blocks === 0 || count <= 0) return 0;
    this.#hold = this.#context.blocks.holdFresh(count);
    return Math.min(blocks, Math.ceil((this.#firstPage + count) / this.#pagesPerBlock) - this.#firstBlock);
  }

  async #loadGroup(group: {
    match: PrefixMatch;
    begin: number;
    end: number;
    signal: AbortSignal;
    progress: { bytes: number };
  }): Promise<AppError | null> {
    const { match, begin, end, signal, progress } = group;
    const { options, clock, speed, health } = this.#context;
    const startMs = clock.monotonicMs();
    const load = new GroupLoad(
      {
        chain: this.#chain,
        leaseId: match.leaseId,
        begin: this.#firstBlock + begin,
        end: this.#firstBlock + end,
        pages: Array.from({ length: end - begin }, (_, i) => this.#pagesOf(begin + i)),
        signal,
      },
      options,
    );
    const outcome = await load.run();
    progress.bytes += outcome.bytes;
    this.#loadedBlocks += outcome.blocks;
    if (outcome.error === null) {
      speed.observe(slowestTier(match.spans, begin, end), outcome.bytes, (clock.monotonicMs() - startMs) * 1000);
    } else if (outcome.error.code === 'UNAVAILABLE' || outcome.error.code === 'DEADLINE_EXCEEDED') health.failed();
    return outcome.error;
  }

  /** Pages of the block, in order; what is in the pool already and what lies beyond the wanted tokens is skipped. */
  #pagesOf(block: number): Int32Array {
    const first = (this.#firstBlock + block) * this.#pagesPerBlock - this.#firstPage;
    return Int32Array.from({ length: this.#pagesPerBlock }, (_, i) => this.#hold?.pages[first + i] ?? SKIPPED_PAGE);
  }

  /** Nobody waits for it; a lease that is not released expires. */
  #release(leaseId: Uint8Array): void {
    this.#context.options.store.releaseLease(leaseId).catch(() => undefined);
  }
}

/** A group that crosses tiers is as slow as its slowest. */
function slowestTier(spans: readonly TierSpan[], begin: number, end: number): Tier {
  const used = spans.filter(({ first, count }) => first < end && first + count > begin).map(({ tier }) => tier);
  return used.includes('object') ? 'object' : used.includes('disk') ? 'disk' : 'ram';
}
