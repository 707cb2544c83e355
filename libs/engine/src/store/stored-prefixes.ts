import { PAGE_TOKENS } from '../limits.js';
import { notify, type EngineObserver, type StepStats } from '../observer.js';
import type { ChainRoots } from '../keys/chain-roots.js';
import type { BlockManager } from '../pages/block-manager.js';
import type { Clock, ModelRunner } from '../ports.js';
import type { Sequence } from '../sequence/sequence.js';
import { BlockChain } from './block-chain.js';
import type { OverlapOptions } from './layer-overlap.js';
import { PrefixLoad, type LoadContext } from './prefix-load.js';
import { LoadSpeed, PrefillSpeed } from './speed.js';
import { StoreHealth } from './store-health.js';
import { StoreNamespaces } from './store-namespaces.js';
import { checkStoreOptions, type PrefixStoreOptions } from './store-options.js';
import { WriteBehind } from './write-behind.js';

/** What the engine does with its store at this moment, against its bounds. */
export interface StoreActivity {
  queuedBlocks: number;
  maxQueuedBlocks: number;
  /** Blocks being written, and the memory they take. */
  writing: number;
  writingBytes: number;
  /** Sequences whose prefix is being loaded. */
  loading: number;
  /** False while the store is left alone after a failure. */
  available: boolean;
}

export interface StoreParts {
  clock: Clock;
  blocks: BlockManager;
  observer: EngineObserver;
  runner: ModelRunner;
  roots: ChainRoots;
  /** Tokens of a step that computes a prompt. */
  chunkTokens: number;
  /** Called when pages have come back, or a load has ended or got on. */
  wake: () => void;
  /** The engine's own accounting failed. */
  defect: (cause: unknown) => void;
}

/** A step of fewer prompt tokens says too little about the speed of prefill. */
const LEAST_OBSERVED_TOKENS = 32;
const MICROS_PER_MS = 1000;

/**
 * The engine's side of a store of KV blocks: writes what has been sealed, loads what a new sequence can use. Without
 * it the engine is as before; with a broken one as well, only slower by at most a lookup now and then.
 */
export class StoredPrefixes {
  readonly #options: PrefixStoreOptions;
  readonly #context: LoadContext;
  readonly #writes: WriteBehind;
  readonly #observer: EngineObserver;
  readonly #wake: () => void;
  readonly #defect: (cause: unknown) => void;
  readonly #chains = new WeakMap<Sequence, BlockChain>();
  readonly #loads = new Set<Promise<void>>();

  constructor(options: PrefixStoreOptions, parts: StoreParts) {
    checkStoreOptions(options);
    const { clock, blocks, observer, wake } = parts;
    this.#options = options;
    this.#observer = observer;
    this.#wake = wake;
    this.#defect = parts.defect;
    const namespaces = new StoreNamespaces(options, parts.roots, clock);
    const health = new StoreHealth(clock, options.limits);
    const prefill = new PrefillSpeed();
    const { chunkTokens } = parts;
    const overlap = overlapOptions(options, parts);
    const speed = new LoadSpeed();
    this.#context = { options, clock, blocks, namespaces, health, prefill, speed, chunkTokens, overlap };
    this.#writes = new WriteBehind({
      ...this.#context,
      events: {
        stored: (block) => notify(() => observer.blockStored?.(block)),
        dropped: (block) => notify(() => observer.blocksDropped?.(block)),
        released: wake,
      },
    });
  }

  activity(): StoreActivity {
    return {
      queuedBlocks: this.#writes.queue.size,
      maxQueuedBlocks: this.#options.limits.maxQueuedBlocks,
      writing: this.#writes.active,
      writingBytes: this.#writes.active * this.#writes.objectBytes,
      loading: this.#loads.size,
      available: this.#context.health.waitMs === 0,
    };
  }

  /** Sealed blocks of the sequence may be written from now on. */
  offer(sequence: Sequence): void {
    if (sequence.nodes.length * PAGE_TOKENS < this.#options.geometry.blockTokens) return;
    this.#writes.offer(sequence, this.#chainOf(sequence));
  }

  /**
   * Starts to load what follows the cached prefix of a sequence that has just been given it.
   *
   * @param done called once, unless the load is aborted: the sequence has got what could be loaded.
   * @returns null when there is nothing to gain.
   */
  load(sequence: Sequence, done: (loadedTokens: number) => void): PrefixLoad | null {
    const { geometry, limits } = this.#options;
    const { blockTokens } = geometry;
    const missing = Math.floor(sequence.sharedLength / blockTokens) * blockTokens - sequence.computed;
    if (limits.loadPolicy === 'never' || missing < limits.minLoadTokens) return null;
    const chain = this.#chainOf(sequence);
    if (this.#context.health.waitMs > 0 || chain.space.reads.waitMs > 0) return null;
    let tokens = 0;
    const give = (): void => {
      tokens = this.#give(sequence, load);
    };
    const giveEarly = (): void => {
      give();
      done(tokens);
    };
    const load: PrefixLoad = new PrefixLoad(sequence, chain, this.#context, giveEarly);
    const settled = load
      .run()
      .then((outcome) => {
        const wanted = !load.over;
        if (wanted) give();
        else load.discard();
        const { requestId } = sequence.owner.request;
        notify(() => this.#observer.prefixLoaded?.({ requestId, tokens, ...outcome }));
        if (wanted) done(tokens);
      })
      .catch(this.#defect)
      .finally(() => {
        this.#loads.delete(settled);
        this.#wake();
      });
    this.#loads.add(settled);
    return load;
  }

  /** What the sequence itself has computed cannot be trusted: nobody shall find it again. */
  distrust(sequence: Sequence): void {
    const { blockTokens } = this.#options.geometry;
    const pages = blockTokens / PAGE_TOKENS;
    const full = Math.floor(sequence.nodes.length / pages);
    const computed = Array.from({ length: full }, (_, block) => block).filter((block) =>
      sequence.nodes.slice(block * pages, (block + 1) * pages).some((node) => sequence.computedNodes.has(node)),
    );
    if (computed.length === 0) return;
    const chain = this.#chainOf(sequence);
    const keys = computed.map((block) => chain.key(block));
    const { namespace } = chain.space;
    this.#options.store.evict({ namespace, what: { kind: 'keys', keys } }).catch(() => undefined);
  }

  /** Learns from a step that computed prompts only, and waited for nothing. */
  observeStep(stats: StepStats): void {
    const pure = stats.decodeTokens === 0 && stats.gatedSequences === 0;
    if (!pure || stats.prefillTokens < LEAST_OBSERVED_TOKENS) return;
    const micros = stats.waitMs * MICROS_PER_MS;
    this.#context.prefill.observe({ tokens: stats.prefillTokens, pairs: stats.prefillPairs, micros });
  }

  /** Writes what waits, within the time, and lets loads under way end. */
  async close(flushTimeoutMs: number): Promise<void> {
    await this.#writes.close(flushTimeoutMs);
    await Promise.all(this.#loads);
  }

  #chainOf(sequence: Sequence): BlockChain {
    const found = this.#chains.get(sequence);
    const { owner, keys } = sequence;
    if (found?.pages === keys) return found;
    const space = this.#context.namespaces.of(owner.request);
    const chain = new BlockChain(keys, space, this.#options.geometry.blockTokens);
    this.#chains.set(sequence, chain);
    return chain;
  }

  /**
   * The sequence gets what has been loaded. That needs no writing; what was not loaded is offered again when it has
   * been computed. @returns tokens.
   */
  #give(sequence: Sequence, load: PrefixLoad): number {
    const tokens = load.finish();
    const { loadedBlocks } = load;
    const { blockTokens } = this.#options.geometry;
    const chain = this.#chainOf(sequence);
    const present = Math.floor(sequence.computed / blockTokens);
    for (let block = Math.max(0, present - loadedBlocks); block < present; block++) {
      this.#writes.queue.markStored(chain.key(block));
    }
    const full = Math.floor(sequence.sharedLength / blockTokens);
    for (let block = present; block < full; block++) this.#writes.queue.markGone(chain.key(block));
    return tokens;
  }
}

/** Null where it is switched off, or the runner cannot wait. */
function overlapOptions({ geometry, limits }: PrefixStoreOptions, parts: StoreParts): OverlapOptions | null {
  const { clock, runner, wake } = parts;
  if (limits.overlapPatienceMs === 0 || runner.openGate === undefined) return null;
  return {
    openGate: (gate) => (runner.openGate as NonNullable<ModelRunner['openGate']>)(gate),
    clock,
    layers: geometry.layerEnd,
    patienceMs: limits.overlapPatienceMs,
    wake,
  };
}
