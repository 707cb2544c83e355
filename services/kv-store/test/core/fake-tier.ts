import type { BlockTier, Tier, TierObject } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';

/** What the fake does instead of its work. */
export type Mood = 'well' | 'fails' | 'hangs';

/** A tier of plain memory that fails, hangs or forgets on request. Its bytes may be damaged through `objectsByKey`. */
export class FakeTier implements BlockTier {
  readonly objectsByKey = new Map<string, Uint8Array>();
  readonly health = { writable: true, readable: true, reason: '' };
  reads: Mood = 'well';
  writes: Mood = 'well';
  removals: Mood = 'well';
  readCalls = 0;
  mostBytes = 0;
  closed = false;
  #hanging: (() => void)[] = [];

  constructor(
    readonly name: Tier = 'disk',
    readonly limitBytes = Infinity,
  ) {}

  get usedBytes(): number {
    return [...this.objectsByKey.values()].reduce((sum, { length }) => sum + length, 0);
  }

  get objects(): number {
    return this.objectsByKey.size;
  }

  async put(key: Uint8Array, object: Uint8Array): Promise<void> {
    await this.#act(this.writes);
    if (this.has(key)) return;
    if (this.usedBytes + object.length > this.limitBytes) throw failure('KV_TIER_FULL');
    this.objectsByKey.set(nameOf(key), Uint8Array.from(object));
    this.mostBytes = Math.max(this.mostBytes, this.usedBytes);
  }

  async read(key: Uint8Array, offset: number, length: number): Promise<Uint8Array> {
    this.readCalls += 1;
    await this.#act(this.reads);
    const object = this.objectsByKey.get(nameOf(key));
    if (!object) throw failure('KV_NOT_FOUND');
    return object.slice(offset, offset + length);
  }

  has(key: Uint8Array): boolean {
    return this.objectsByKey.has(nameOf(key));
  }

  sizeOf(key: Uint8Array): number {
    return this.objectsByKey.get(nameOf(key))?.length ?? -1;
  }

  async remove(keys: readonly Uint8Array[]): Promise<void> {
    await this.#act(this.removals);
    for (const key of keys) this.objectsByKey.delete(nameOf(key));
  }

  *entries(): Iterable<TierObject> {
    for (const [name, { length }] of this.objectsByKey) yield { key: Buffer.from(name, 'hex'), bytes: length };
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** Lets everything go on that hangs. */
  release(): void {
    const hanging = this.#hanging;
    this.#hanging = [];
    for (const resolve of hanging) resolve();
  }

  async #act(mood: Mood): Promise<void> {
    if (mood === 'hangs') await new Promise<void>((resolve) => this.#hanging.push(resolve));
    await Promise.resolve();
    if (mood === 'fails') throw failure('FAKE_IO');
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

function failure(reason: string): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, message: reason });
}
