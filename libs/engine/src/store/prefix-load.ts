import { AppError, unlessAborted } from '@longhaul/kernel';
import { type PrefixMatch, type Tier, type TierSpan } from '@longhaul/kv-core';
import { PAGE_TOKENS } from '../limits.js';
import type { BlockManager, PageHold } from '../pages/block-manager.js';
import type { Clock } from '../ports.js';
import type { EarlyPrefix, LoadHandle } from '../scheduler/prefix-loader.js';
import type { Sequence } from '../sequence/sequence.js';
import type { BlockChain } from './block-chain.js';
import { GroupLoad } from './group-load.js';
import { LayerOverlap, type OverlapOptions } from './layer-overlap.js';
import { loadGroups, type BlockRange } from './load-groups.js';
import { SKIPPED_PAGE } from './page-transfer.js';
import { blocksLoadedWithin, blocksWorthLoading, type LoadSpeed, type PrefillSpeed } from './speed.js';
import { noteFailure } from './store-failure.js';
import type { StoreHealth } from './store-health.js';
import type { StoreNamespaces } from './store-namespaces.js';
import type { PrefixStoreOptions } from './store-options.js';
import { storeDeadline } from './store-deadline.js';

/** What the loads of one engine share. */
export interface LoadContext {
  readonly options: PrefixStoreOptions;
  readonly clock: Clock;
  readonly blocks: BlockManager;
  readonly namespaces: StoreNamespaces;
  readonly health: StoreHealth;
  readonly prefill: PrefillSpeed;
  readonly speed: LoadSpeed;
  /** Tokens of a step that computes a prompt. */
  readonly chunkTokens: number;
  /** Null: sequences are computed only when their load has ended. */
  readonly overlap: OverlapOptions | null;
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
  /** Time that loading and a step over what was being loaded went on beside each other. */
  readonly overlapMs: number;
  /** Time that this step waited for layers. */
  readonly waitedMs: number;
  /** Why fewer than chosen. */
  readonly error: AppError | null;
}

interface Progress {
  askedTokens: number;
  matchedBlocks: number;
  chosenBlocks: number;
  bytes: number;
}

/**
 * Loads what follows the cached prefix of one sequence into pages of its own, invisible to everybody until `finish` but
 * for a step that waits for them. Ends by itself within the load timeout, or soon after `abort`.
 */
export class PrefixLoad implements LoadHandle {
  readonly #sequence: Sequence;
  readonly #chain: BlockChain;
  readonly #context: LoadContext;
  readonly #controller = new AbortController();
  readonly #firstPage: number;
  readonly #pagesPerBlock: number;
  readonly #overlap: LayerOverlap | null;
  readonly #complete: () => void;
  #hold: PageHold | null = null;
  #chosenBlocks = 0;
  #loadedBlocks = 0;
  #over = false;

  /** @param complete everything chosen is there, earlier than `run` can say so: `finish` is due, at once. */
  constructor(sequence: Sequence, chain: BlockChain, context: LoadContext, complete: () => void) {
    this.#sequence = sequence;
    this.#chain = chain;
    this.#context = context;
    this.#firstPage = sequence.pages.length;
    this.#pagesPerBlock = context.options.geometry.blockTokens / PAGE_TOKENS;
    this.#overlap = context.overlap === null ? null : new LayerOverlap(context.overlap);
    this.#complete = complete;
  }

  /** Pages set aside for the load. */
  get reserved(): number {
    return this.#hold?.pages.length ?? 0;
  }

  /** The sequence has got what there is, or does not want it. */
  get over(): boolean {
    return this.#over;
  }

  get loadedBlocks(): number {
    return this.#loadedBlocks;
  }

  early(alone: boolean): EarlyPrefix | null {
    const { prefill } = this.#context;
    const [begin, end] = this.#nextChunk();
    if (this.#hold === null || this.#overlap?.ready(prefill.micros(begin, end), alone) !== true) return null;
    const overlap = this.#overlap;
    return { pages: this.#hold.pages, open: () => overlap.open(), claim: () => this.#claim() };
  }

  /** The sequence does not want it any more. Its pages are free as soon as no copy into them is under way. */
  abort(): void {
    this.#over = true;
    this.#overlap?.lost();
    if (this.#hold !== null) this.#hold.ending = true;
    this.#controller.abort(new AppError({ code: 'CANCELLED', reason: 'CANCELLED', message: 'The load was given up.' }));
  }

  /** Rejects never. Afterwards either `finish` or `discard` is due, at once. */
  async run(): Promise<LoadOutcome> {
    const startMs = this.#context.clock.monotonicMs();
    const { blockTokens } = this.#context.options.geometry;
    const deadline = storeDeadline(this.#context.options.limits.loadTimeoutMs, this.#controller.signal);
    const askedTokens = this.#keys().length * blockTokens;
    const progress: Progress = { askedTokens, matchedBlocks: 0, chosenBlocks: 0, bytes: 0 };
    let error: AppError | null = null;
    try {
      error = await this.#load(deadline.signal, progress);
    } catch (cause) {
      error = AppError.from(cause);
    } finally {
      deadline.dispose();
      this.#overlap?.lost();
    }
    const ms = this.#context.clock.monotonicMs() - startMs;
    const { overlapMs = 0, waitedMs = 0 } = this.#overlap ?? {};
    return { ...progress, loadedBlocks: this.#loadedBlocks, ms, overlapMs, waitedMs, error };
  }

  /** Gives the loaded pages to the sequence and makes their blocks visible. @returns tokens loaded. */
  finish(): number {
    this.#over = true;
    if (this.#hold === null) return 0;
    const loaded = (this.#firstBlock + this.#loadedBlocks) * this.#pagesPerBlock;
    const count = Math.min(this.#hold.pages.length, this.#usable(loaded));
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

  /** A step has computed upon what was arriving. */
  #claim(): boolean {
    if (this.#overlap?.complete !== true) return false;
    if (!this.#over) {
      this.#loadedBlocks = this.#chosenBlocks;
      this.#complete();
    }
    return true;
  }

  /** The tokens that a step would compute after everything that is being loaded. */
  #nextChunk(): [begin: number, end: number] {
    const begin = (this.#firstPage + this.reserved) * PAGE_TOKENS;
    return [begin, Math.min(this.#sequence.tokens.length, begin + this.#context.chunkTokens)];
  }

  async #load(signal: AbortSignal, progress: Progress): Promise<AppError | null> {
    const match = await this.#lookup(signal);
    progress.matchedBlocks = match.matchedBlocks;
    try {
      const chosen = this.#reserve(this.#choose(match));
      progress.chosenBlocks = this.#chosenBlocks = chosen;
      for (const range of this.#groups(match.spans, chosen)) {
        const error = await this.#loadGroup({ match, range, last: range.end === chosen, signal, progress });
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
    const deadline = storeDeadline(lookupTimeoutMs, signal);
    try {
      const { space } = this.#chain;
      await unlessAborted(deadline.signal, namespaces.handshake(space, deadline.signal));
      const keys = this.#keys();
      const lookup = {
        ...{ namespace: space.namespace, keys },
        // Nothing becomes more exact behind the last one.
        minQuality: this.#chain.quality(this.#firstBlock + keys.length - 1),
        leaseMs: loadTimeoutMs + lookupTimeoutMs,
      };
      const match = await unlessAborted(
        deadline.signal,
        options.store.lookupPrefix(lookup, { signal: deadline.signal }),
      );
      health.succeeded();
      this.#chain.space.reads.succeeded();
      return match;
    } catch (error) {
      if (!signal.aborted) noteFailure(AppError.from(error), { space: this.#chain.space, use: 'reads' }, this.#context);
      throw error;
    } finally {
      deadline.dispose();
    }
  }

  /** Keys of the full blocks of the sequence that are not in the pool as a whole. */
  #keys(): Uint8Array[] {
    const { geometry, limits } = this.#context.options;
    const full = Math.floor(this.#sequence.sharedLength / geometry.blockTokens);
    const blocks = Math.min(limits.maxLookupBlocks, full - this.#firstBlock);
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
    const worth = blocksWorthLoading(match.spans, (span) => speed.micros(span), computeMicros);
    for (const span of match.spans) if (span.first >= worth) speed.doubt(span);
    return Math.min(matched, worth);
  }

  /** Takes pages for at most so many blocks; fewer when the pool is short. At least the last token is computed. */
  #reserve(blocks: number): number {
    const { pool } = this.#context.blocks;
    const wanted = this.#usable((this.#firstBlock + blocks) * this.#pagesPerBlock);
    const count = wanted > pool.available ? this.#usable(this.#firstPage + pool.available) : wanted;
    if (blocks === 0 || count <= 0) return 0;
    this.#hold = this.#context.blocks.holdFresh(count);
    return Math.min(blocks, Math.ceil((this.#firstPage + count) / this.#pagesPerBlock) - this.#firstBlock);
  }

  /** Pages to be given to the sequence when those of its text below `end` are there. */
  #usable(end: number): number {
    const { tokens } = this.#sequence;
    return Math.max(0, this.#sequence.cutPages(Math.min(tokens.length - 1, end * PAGE_TOKENS)) - this.#firstPage);
  }

  /** The last stream has what is expected to arrive while the next step computes. */
  #groups(spans: readonly TierSpan[], chosen: number): BlockRange[] {
    const { options, prefill, speed } = this.#context;
    const { groupBlocks, maxLastGroupBlocks } = options.limits;
    if (this.#overlap === null) return loadGroups(chosen, groupBlocks, 0);
    const hidden = blocksLoadedWithin(prefill.micros(...this.#nextChunk()), chosen, {
      spans,
      loadMicros: (span) => speed.micros(span),
    });
    return loadGroups(chosen, groupBlocks, Math.min(maxLastGroupBlocks, hidden));
  }

  async #loadGroup(group: {
    match: PrefixMatch;
    range: BlockRange;
    last: boolean;
    signal: AbortSignal;
    progress: Progress;
  }): Promise<AppError | null> {
    const { match, last, signal, progress } = group;
    const { begin, end } = group.range;
    const { options, clock, speed, health } = this.#context;
    const startMs = clock.monotonicMs();
    if (last) this.#overlap?.begin();
    const load = new GroupLoad(
      {
        chain: this.#chain,
        leaseId: match.leaseId,
        begin: this.#firstBlock + begin,
        end: this.#firstBlock + end,
        pages: Array.from({ length: end - begin }, (_, i) => this.#pagesOf(begin + i)),
        signal,
        progress: last ? this.#overlap : null,
      },
      options,
    );
    const outcome = await load.run();
    progress.bytes += outcome.bytes;
    this.#loadedBlocks = begin + outcome.blocks;
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
