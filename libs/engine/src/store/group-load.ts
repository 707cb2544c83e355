import { AppError, unlessAborted } from '@longhaul/kernel';
import type { GetFrame } from '@longhaul/kv-core';
import type { BlockChain } from './block-chain.js';
import { IncomingBlock, type LoadedLayer } from './incoming-block.js';
import { SectionBuffers } from './section-buffers.js';
import type { PrefixStoreOptions } from './store-options.js';

/** A run of blocks to load through one get stream. */
export interface BlockGroup {
  readonly chain: BlockChain;
  readonly leaseId: Uint8Array;
  /** Blocks [begin, end) of the chain. */
  readonly begin: number;
  readonly end: number;
  /** Where block `begin + i` goes: entry i; SKIPPED_PAGE for what is not wanted. */
  readonly pages: readonly Int32Array[];
  readonly signal: AbortSignal;
  /** Told how the group as a whole comes along. */
  readonly progress: GroupProgress | null;
}

export interface GroupProgress {
  /** Layers [0, layers) of all blocks are in their pages, verified; all of them only when every block has ended well. */
  arrived(layers: number): void;
  /** Some block will not come. */
  lost(): void;
}

export interface GroupOutcome {
  /** Leading blocks that are in their pages as a whole, verified. */
  readonly blocks: number;
  readonly bytes: number;
  /** Why not all of them; null when all are. */
  readonly error: AppError | null;
}

/** Bytes of a block that are copied together where nobody waits for single layers: handing a copy out costs more than it. */
const COPIED_TOGETHER = 256 * 1024;

/** Receives one group: frames in, verified layers into pages. Rejects never; no copy is under way when it resolves. */
export class GroupLoad {
  readonly #group: BlockGroup;
  readonly #options: PrefixStoreOptions;
  readonly #blocks: IncomingBlock[];
  readonly #copies = new Set<Promise<void>>();
  readonly #buffers = new SectionBuffers();
  /** By block: verified layers, one after the other, that wait to be copied together. */
  readonly #collected: LoadedLayer[][];
  /** Blocks from this one on are lost. */
  #limit: number;
  readonly #sound: boolean[] = [];
  /** By layer: blocks that have it in their pages. */
  readonly #copied: Int32Array;
  #layers = 0;
  #bytes = 0;
  #error: AppError | null = null;

  constructor(group: BlockGroup, options: PrefixStoreOptions) {
    this.#group = group;
    this.#options = options;
    this.#limit = group.end - group.begin;
    this.#copied = new Int32Array(options.geometry.layerEnd);
    this.#collected = Array.from({ length: this.#limit }, () => []);
    this.#blocks = Array.from(
      { length: this.#limit },
      (_, i) => new IncomingBlock(group.chain, group.begin + i, { options, buffers: this.#buffers }),
    );
  }

  async run(): Promise<GroupOutcome> {
    const frames = this.#open();
    try {
      for (;;) {
        const next = await unlessAborted(this.#group.signal, frames.next());
        if (next.done === true || (await this.#take(next.value))) break;
      }
    } catch (error) {
      // What has ended was verified to its last byte, whatever happened to the stream after it.
      this.#lose(this.#leading(), AppError.from(error));
    } finally {
      // Not awaited: a store that hangs may never answer.
      frames.return?.().catch(() => undefined);
      await Promise.allSettled(this.#copies);
    }
    return this.#outcome();
  }

  #open(): AsyncIterator<GetFrame> {
    const { chain, leaseId, begin, end, signal } = this.#group;
    const { store, geometry } = this.#options;
    const keys = Array.from({ length: end - begin }, (_, i) => chain.key(begin + i));
    const request = { namespace: chain.space.namespace, leaseId, keys, layerBegin: 0, layerEnd: geometry.layerEnd };
    return store.get(request, { signal })[Symbol.asyncIterator]();
  }

  /** True when nothing more is of use. */
  async #take(frame: GetFrame): Promise<boolean> {
    if (frame.kind === 'done') return true;
    const block = this.#blocks[frame.block];
    if (block === undefined || frame.block >= this.#limit) return this.#limit === 0;
    try {
      if (frame.kind === 'head') block.takeHead(frame.bytes);
      else if (frame.kind === 'end') this.#end(frame.block, block, frame.outcome);
      else await this.#data(frame.block, block, frame);
    } catch (error) {
      this.#lose(frame.block, AppError.from(error));
    }
    return this.#limit === 0;
  }

  async #data(index: number, block: IncomingBlock, frame: Extract<GetFrame, { kind: 'data' }>): Promise<void> {
    this.#bytes += frame.bytes.length;
    const loaded = block.takeData(frame.section, frame.offset, frame.bytes);
    if (loaded === null) return;
    const layers = this.#collected[index] as LoadedLayer[];
    layers.push(loaded);
    const bytes = layers.length * loaded.sections.reduce((sum, section) => sum + section.length, 0);
    if (this.#group.progress === null && !block.complete && bytes < COPIED_TOGETHER) return;
    this.#collected[index] = [];
    for (const run of consecutive(layers)) await this.#copy(index, run);
  }

  async #copy(index: number, layers: readonly LoadedLayer[]): Promise<void> {
    while (this.#copies.size >= this.#options.limits.maxConcurrentImports) await Promise.race(this.#copies);
    if (this.#group.signal.aborted) throw AppError.from(this.#group.signal.reason);
    const pages = this.#group.pages[index] as Int32Array;
    const begin = layers[0]?.layer ?? 0;
    const sections = layers.flatMap((layer) => layer.sections);
    const copy = this.#options.transfer
      .importBlock(pages, begin, begin + layers.length, sections)
      .then(() => layers.forEach(({ layer }) => this.#arrived(layer)))
      .catch((error: unknown) => this.#lose(index, AppError.from(error)))
      .finally(() => {
        this.#copies.delete(copy);
        for (const section of sections) this.#buffers.give(section);
      });
    this.#copies.add(copy);
  }

  #end(index: number, block: IncomingBlock, outcome: string): void {
    if (outcome !== 'ok' || !block.complete) {
      this.#lose(index, lost(outcome === 'ok' ? 'incomplete' : outcome));
      return;
    }
    this.#sound[index] = true;
    this.#report();
  }

  #arrived(layer: number): void {
    this.#copied[layer] = (this.#copied[layer] ?? 0) + 1;
    while (this.#copied[this.#layers] === this.#blocks.length) this.#layers++;
    this.#report();
  }

  /** The last layer waits for every block's end: until then the store may still say that one is no good. */
  #report(): void {
    const blocks = this.#blocks.length;
    if (this.#limit < blocks || this.#layers === 0) return;
    const ended = this.#leading() === blocks;
    this.#group.progress?.arrived(ended ? this.#layers : Math.min(this.#layers, this.#copied.length - 1));
  }

  /** Blocks from the first on that have ended well. */
  #leading(): number {
    let count = 0;
    while (this.#sound[count] === true) count++;
    return count;
  }

  #lose(index: number, error: AppError): void {
    if (index >= this.#limit) return;
    this.#limit = index;
    this.#error = error;
    this.#group.progress?.lost();
  }

  #outcome(): GroupOutcome {
    const blocks = Math.min(this.#leading(), this.#limit);
    const error = blocks === this.#blocks.length ? null : (this.#error ?? lost('truncated'));
    return { blocks, bytes: this.#bytes, error };
  }
}

/** Cut where a layer does not follow the one before it. */
function consecutive(layers: readonly LoadedLayer[]): LoadedLayer[][] {
  const runs: LoadedLayer[][] = [];
  for (const layer of layers) {
    const run = runs.at(-1);
    if (run && run.at(-1)?.layer === layer.layer - 1) run.push(layer);
    else runs.push([layer]);
  }
  return runs;
}

function lost(outcome: string): AppError {
  return new AppError({
    code: 'DATA_LOSS',
    reason: `KV_BLOCK_${outcome.toUpperCase()}`,
    message: `A stored block could not be loaded: ${outcome}.`,
  });
}
