import { AppError, unlessAborted } from '@longhaul/kernel';
import {
  allocateBlock,
  keyName,
  rawObjectBytes,
  layerSectionKinds,
  type BlockWriter,
  type HandshakeReply,
  type PutSession,
  type RawGeometry,
} from '@longhaul/kv-core';
import { PAGE_TOKENS } from '../limits.js';
import type { BlockManager } from '../pages/block-manager.js';
import type { Clock } from '../ports.js';
import type { Sequence } from '../sequence/sequence.js';
import type { BlockChain } from './block-chain.js';
import { BlockQueue, type QueuedBlock } from './block-queue.js';
import type { PrefillSpeed } from './speed.js';
import { noteFailure } from './store-failure.js';
import type { StoreHealth } from './store-health.js';
import type { StoreNamespaces } from './store-namespaces.js';
import type { PrefixStoreOptions } from './store-options.js';
import { storeDeadline } from './store-deadline.js';

/** Why a block was not written: it left the pool before its turn, the queue was given up, or the store said no. */
export type DropReason = 'evicted' | 'closed' | 'failed';

export interface WriteEvents {
  stored(block: { bytes: number; ms: number; alreadyPresent: boolean }): void;
  /** `error` only with `failed`. */
  dropped(block: { reason: DropReason; error: AppError | null; blocks: number }): void;
  /** Pages were given back. */
  released(): void;
}

export interface WriteContext {
  readonly options: PrefixStoreOptions;
  readonly clock: Clock;
  readonly blocks: BlockManager;
  readonly namespaces: StoreNamespaces;
  readonly health: StoreHealth;
  readonly prefill: PrefillSpeed;
  readonly events: WriteEvents;
}

/**
 * Writes sealed blocks to the store, behind the steps. A full queue takes nothing: the sequence offers the block again
 * with its next one, or when the prefix is hit again.
 */
export class WriteBehind {
  readonly queue: BlockQueue;
  readonly #context: WriteContext;
  readonly #pagesPerBlock: number;
  readonly #objectBytes: number;
  /** Next block to offer. */
  readonly #cursor = new WeakMap<BlockChain, number>();
  readonly #buffers: Uint8Array[] = [];
  #active = 0;
  #closed = false;
  #retry: NodeJS.Timeout | null = null;
  #idle: (() => void)[] = [];

  constructor(context: WriteContext) {
    const { geometry, limits } = context.options;
    this.#context = context;
    this.queue = new BlockQueue(limits.maxQueuedBlocks);
    this.#pagesPerBlock = geometry.blockTokens / PAGE_TOKENS;
    this.#objectBytes = rawObjectBytes(geometry, geometry.blockTokens);
  }

  get objectBytes(): number {
    return this.#objectBytes;
  }

  get active(): number {
    return this.#active;
  }

  /** Takes the blocks that the sequence has sealed since. Cheap when there are none. */
  offer(sequence: Sequence, chain: BlockChain): void {
    let block = this.#cursor.get(chain) ?? 0;
    const sealed = Math.floor(sequence.nodes.length / this.#pagesPerBlock);
    if (block >= sealed || this.#closed || chain.space.writes.waitMs > 0) return;
    for (; block < sealed; block++) {
      const name = keyName(chain.key(block));
      if (this.queue.has(name)) continue;
      if (this.queue.full) break;
      const first = block * this.#pagesPerBlock;
      this.queue.push({
        ...{ name, chain, block, key: chain.key(block), parentKey: chain.parentKey(block) },
        nodes: sequence.nodes.slice(first, first + this.#pagesPerBlock),
        tokens: Int32Array.from(chain.tokens(block)),
      });
    }
    this.#cursor.set(chain, block);
    this.#pump();
  }

  /** Resolves when nothing is left to write, or after the time, or at once if the store is away; the rest is dropped. */
  async close(timeoutMs: number): Promise<void> {
    const away = this.#active === 0 && this.#context.health.waitMs > 0;
    if (!away && (this.#active > 0 || this.queue.size > 0)) {
      const drained = new Promise<void>((resolve) => this.#idle.push(resolve));
      const deadline = storeDeadline(timeoutMs);
      await unlessAborted(deadline.signal, drained).catch(() => undefined);
      deadline.dispose();
    }
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    const blocks = this.queue.clear();
    if (blocks > 0) this.#context.events.dropped({ reason: 'closed', error: null, blocks });
  }

  #pump(): void {
    const { health, options } = this.#context;
    while (this.#active < options.limits.maxConcurrentExports && this.queue.size > 0 && !this.#closed) {
      if (health.waitMs > 0) {
        this.#later(health.waitMs);
        return;
      }
      const block = this.queue.shift() as QueuedBlock;
      this.#active++;
      void this.#write(block).finally(() => {
        this.#active--;
        this.#pump();
      });
    }
    if (this.#active === 0 && this.queue.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #later(waitMs: number): void {
    if (this.#retry !== null) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#pump();
    }, waitMs);
    this.#retry.unref();
  }

  /** Rejects never. */
  async #write(block: QueuedBlock): Promise<void> {
    const { clock, options, events, health } = this.#context;
    const startMs = clock.monotonicMs();
    const deadline = storeDeadline(options.limits.exportTimeoutMs);
    try {
      const outcome = await unlessAborted(deadline.signal, this.#put(block, deadline.signal));
      if (outcome === 'evicted') events.dropped({ reason: 'evicted', error: null, blocks: 1 });
      else {
        this.queue.markStored(block.key);
        health.succeeded();
        block.chain.space.writes.succeeded();
        const alreadyPresent = outcome === 'present';
        const bytes = alreadyPresent ? 0 : this.#objectBytes;
        events.stored({ bytes, ms: clock.monotonicMs() - startMs, alreadyPresent });
      }
    } catch (cause) {
      const error = AppError.from(cause);
      noteFailure(error, { space: block.chain.space, use: 'writes' }, this.#context);
      events.dropped({ reason: 'failed', error, blocks: 1 });
    } finally {
      deadline.dispose();
    }
  }

  async #put(block: QueuedBlock, signal: AbortSignal): Promise<'stored' | 'present' | 'evicted'> {
    const { options, namespaces, prefill } = this.#context;
    const { blockTokens } = options.geometry;
    if (!isLive(block)) return 'evicted';
    const { space } = block.chain;
    const agreed = await unlessAborted(signal, namespaces.handshake(space, signal));
    const begin = block.block * blockTokens;
    const recomputeMicros = Math.max(0, Math.round(prefill.micros(begin, begin + blockTokens)));
    const { key, parentKey } = block;
    const session = await options.store.beginPut(
      { namespace: space.namespace, key, parentKey, objectBytes: this.#objectBytes, recomputeMicros, ttlSeconds: 0 },
      { signal },
    );
    if (session.alreadyPresent) return 'present';
    try {
      const writer = await this.#export(block, recomputeMicros);
      if (writer === null) {
        await session.abort('the block left the pool');
        return 'evicted';
      }
      await this.#send(session, { bytes: writer.bytes, agreed, signal });
      // Only a buffer that nobody can be reading any more is used again.
      if (this.#buffers.length < options.limits.maxConcurrentExports) this.#buffers.push(writer.bytes);
      return 'stored';
    } catch (error) {
      session.abort('the writer gave up').catch(() => undefined);
      throw error;
    }
  }

  /** The block as an object; null when the pool does not have it any more. */
  async #export(block: QueuedBlock, recomputeMicros: number): Promise<BlockWriter | null> {
    const { options, blocks, events } = this.#context;
    const { geometry, transfer, checksum, producerId } = options;
    if (!isLive(block)) return null;
    const writer = allocateBlock(
      {
        namespace: block.chain.space.namespace,
        geometry,
        seqKey: block.key,
        parentKey: block.parentKey,
        firstPosition: block.block * geometry.blockTokens,
        tokens: block.tokens,
        quality: block.chain.quality(block.block),
        createdUnixMs: this.#context.clock.wallMs(),
        producerId,
        recomputeMicros,
      },
      this.#buffers.pop(),
    );
    const hold = blocks.hold(block.nodes.map(({ page }) => page));
    try {
      await transfer.exportBlock(Int32Array.from(hold.pages), 0, geometry.layerEnd, sectionsOf(writer, geometry));
    } finally {
      blocks.releaseHold(hold);
      events.released();
    }
    writer.seal({ checksum, macKey: block.chain.space.macKey });
    return writer;
  }

  async #send(
    session: PutSession,
    { bytes, agreed, signal }: { bytes: Uint8Array; agreed: HandshakeReply; signal: AbortSignal },
  ): Promise<void> {
    const frame = Math.max(4096, agreed.maxFrameBytes);
    for (let offset = 0; offset < bytes.length; offset += frame) {
      if (signal.aborted) throw AppError.from(signal.reason);
      await session.write(offset, bytes.subarray(offset, Math.min(bytes.length, offset + frame)));
    }
    await session.commit();
  }
}

function isLive(block: QueuedBlock): boolean {
  return block.nodes.every(({ live }) => live);
}

/** The sections of every layer, in order. */
function sectionsOf(writer: BlockWriter, geometry: RawGeometry): Uint8Array[] {
  const kinds = layerSectionKinds(geometry);
  const layers = Array.from({ length: geometry.layerEnd }, (_, layer) => layer);
  return layers.flatMap((layer) => kinds.map((kind) => writer.section(kind, layer)));
}
