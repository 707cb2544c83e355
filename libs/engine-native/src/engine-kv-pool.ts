import { totalmem } from 'node:os';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { KvPoolOptions, NativeKvPool } from './addon-types.js';
import { kvPageBytes } from './kv-layout.js';
import type { NativeAddon } from './native-addon.js';
import { callNative, disposedError } from './native-error.js';

/** Memory this process may use: the container's limit, or the machine's memory. */
function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

/** The arena is filled as it is used: one that can never fit must fail now and not in the middle of a request. */
function requireMemory(options: KvPoolOptions): void {
  const bytes = kvPageBytes(options) * options.pages;
  const limitBytes = memoryLimitBytes();
  if (!(bytes > limitBytes)) return;
  throw new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'OUT_OF_MEMORY',
    message: `pages: a KV pool of ${bytes} bytes does not fit the ${limitBytes} bytes of memory.`,
    field: 'pages',
    details: { bytes, limitBytes },
  });
}

/** A KV pool whose methods throw AppErrors: INVALID_ARGUMENT, OUT_OF_MEMORY, DISPOSED. */
export class EngineKvPool implements NativeKvPool {
  readonly #native: NativeKvPool;
  #disposed = false;

  constructor(addon: NativeAddon, options: KvPoolOptions) {
    requireMemory(options);
    this.#native = callNative(() => new addon.KvPool(options));
  }

  /** The addon's own object behind a pool. */
  static nativeOf(pool: NativeKvPool): NativeKvPool {
    if (typeof pool !== 'object' || pool === null || !(#native in pool)) {
      throw invalidArgument('pool', 'pool: must be a KV pool of this engine.');
    }
    return pool.#alive();
  }

  get bytes(): number {
    return this.#native.bytes;
  }

  get hugePages(): boolean {
    return this.#native.hugePages;
  }

  copyPage(from: number, to: number): void {
    callNative(() => this.#alive().copyPage(from, to));
  }

  poisonPages(pages: Int32Array): void {
    callNative(() => this.#alive().poisonPages(pages));
  }

  async exportBlock(
    pages: Int32Array,
    layerBegin: number,
    layerEnd: number,
    sections: readonly Uint8Array[],
  ): Promise<void> {
    await callNative(() => this.#alive().exportBlock(pages, layerBegin, layerEnd, sections));
  }

  async importBlock(
    pages: Int32Array,
    layerBegin: number,
    layerEnd: number,
    sections: readonly Uint8Array[],
  ): Promise<void> {
    await callNative(() => this.#alive().importBlock(pages, layerBegin, layerEnd, sections));
  }

  /** Idempotent. A step or a transfer in flight keeps the memory until it ends. */
  dispose(): void {
    this.#disposed = true;
    this.#native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #alive(): NativeKvPool {
    if (this.#disposed) throw disposedError('KV pool');
    return this.#native;
  }
}
