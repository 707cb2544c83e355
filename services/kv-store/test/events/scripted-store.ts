import { type BlockEvent, type BlockEventBatch, BlockView, QualityClass, type Tier, TIERS } from '@longhaul/kv-core';
import type { BlockEvents } from '../../src/adapters/events/index.js';

type Change =
  { kind: 'stored'; block: number; tier: Tier } | { kind: 'removed'; block: number; tier: Tier } | { kind: 'cleared' };

/** A store that is nothing but the events it tells: what followers see must become its view. */
export class ScriptedStore {
  readonly #events: BlockEvents;
  readonly view = new BlockView();
  next = 1n;

  constructor(
    readonly owner: string,
    readonly epoch: bigint,
    events: BlockEvents,
  ) {
    this.#events = events;
  }

  start(): void {
    this.#events.announce(this.epoch);
  }

  change(change: Change): void {
    const event = this.#numbered(change);
    this.view.apply(event);
    this.next += 1n;
    this.#events.publish(this.#batch([event]));
  }

  /** A store's life in short: blocks come, move down and go. */
  changeAtRandom(times: number, random: () => number): void {
    for (let i = 0; i < times; i += 1) {
      const tier = TIERS[Math.floor(random() * 2)] ?? 'ram';
      const block = Math.floor(random() * 400);
      if (random() < 0.001) this.change({ kind: 'cleared' });
      else this.change({ kind: random() < 0.6 ? 'stored' : 'removed', block, tier });
    }
  }

  #batch(events: BlockEvent[]): BlockEventBatch {
    const firstSequence = events[0]?.sequence ?? this.next;
    const flags = { snapshot: false, snapshotEnd: false, gap: false };
    return { owner: this.owner, storeEpoch: this.epoch, firstSequence, events, ...flags };
  }

  #numbered(change: Change): BlockEvent {
    const sequence = this.next;
    const namespaceId = NAMESPACE;
    if (change.kind === 'cleared') return { kind: 'cleared', sequence, namespaceId };
    const keys = [blockKey(change.block)];
    if (change.kind === 'removed') return { kind: 'removed', sequence, namespaceId, keys, tier: change.tier };
    const chain = { parentKey: blockKey(0), firstBlock: change.block, blockTokens: 16 };
    return { kind: 'stored', sequence, namespaceId, keys, ...chain, tier: change.tier, quality: QualityClass.exact };
  }
}

export const NAMESPACE = new Uint8Array(32).fill(9);

export function blockKey(block: number): Uint8Array {
  const key = Buffer.alloc(32);
  key.writeUInt32BE(block);
  return key;
}

/** A view as comparable lines. */
export function contents(view: BlockView): string[] {
  return [...view.entries()].map(({ key, tiers, firstBlock }) => `${toText(key)} ${firstBlock} ${tiers.join()}`).sort();
}

function toText(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}
