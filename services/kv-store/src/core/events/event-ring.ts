import { type BlockEvent, KEY_BYTES, keyName, type QualityClass, TIERS } from '@longhaul/kv-core';

const KINDS = ['stored', 'removed', 'cleared'] as const;
const CHUNK_EVENTS = 1024;

/** Where the fields of an event are, in bytes. */
const At = { kind: 0, tier: 1, quality: 2, namespace: 4, firstBlock: 8, blockTokens: 12, key: 16, parent: 48 } as const;
const RECORD_BYTES = 80;

/**
 * The last events by number, as bytes: 80 each and no objects, which the collector would have to walk through for as
 * long as the store runs. Memory is taken as events come.
 */
export class EventRing {
  readonly #chunks: Uint8Array[] = [];
  /** Ids of namespaces that events have named; an event has its place here, 0 for none. */
  readonly #namespaces: (Uint8Array | null)[] = [null];
  readonly #ordinals = new Map<string, number>();

  constructor(readonly capacity: number) {}

  /** @throws RangeError for an event of more or less than one block: the core tells one at a time. */
  set(event: BlockEvent): void {
    const { bytes, view } = this.#record(event.sequence);
    bytes[At.kind] = KINDS.indexOf(event.kind);
    view.setUint32(At.namespace, this.#ordinalOf(event.namespaceId));
    if (event.kind === 'cleared') return;
    const [key] = event.keys;
    if (!key || event.keys.length !== 1) throw new RangeError(`The event has ${event.keys.length} keys.`);
    bytes.set(key, At.key);
    bytes[At.tier] = TIERS.indexOf(event.tier);
    if (event.kind === 'removed') return;
    bytes[At.quality] = event.quality;
    view.setUint32(At.firstBlock, event.firstBlock);
    view.setUint32(At.blockTokens, event.blockTokens);
    bytes.set(event.parentKey, At.parent);
  }

  /** The event of a number that was set and not yet overwritten. */
  get(sequence: bigint): BlockEvent {
    const { bytes, view } = this.#record(sequence);
    const kind = KINDS[bytes[At.kind] as number];
    const namespaceId = this.#namespaces[view.getUint32(At.namespace)] ?? null;
    if (kind === 'cleared' || namespaceId === null) return { kind: 'cleared', sequence, namespaceId };
    const tier = TIERS[bytes[At.tier] as number] ?? 'object';
    const about = { sequence, namespaceId, keys: [bytes.slice(At.key, At.key + KEY_BYTES)], tier };
    if (kind === 'removed') return { kind, ...about };
    return {
      kind: 'stored',
      ...about,
      parentKey: bytes.slice(At.parent, At.parent + KEY_BYTES),
      firstBlock: view.getUint32(At.firstBlock),
      blockTokens: view.getUint32(At.blockTokens),
      quality: bytes[At.quality] as QualityClass,
    };
  }

  #record(sequence: bigint): { bytes: Uint8Array; view: DataView } {
    const place = Number(sequence % BigInt(this.capacity));
    const number = Math.floor(place / CHUNK_EVENTS);
    while (this.#chunks.length <= number) this.#chunks.push(new Uint8Array(0));
    if (this.#chunks[number]?.length === 0) {
      const events = Math.min(CHUNK_EVENTS, this.capacity - number * CHUNK_EVENTS);
      this.#chunks[number] = new Uint8Array(events * RECORD_BYTES);
    }
    const chunk = this.#chunks[number] as Uint8Array;
    const bytes = chunk.subarray((place % CHUNK_EVENTS) * RECORD_BYTES, ((place % CHUNK_EVENTS) + 1) * RECORD_BYTES);
    return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, RECORD_BYTES) };
  }

  #ordinalOf(namespaceId: Uint8Array | null): number {
    if (namespaceId === null) return 0;
    const name = keyName(namespaceId);
    const known = this.#ordinals.get(name);
    if (known !== undefined) return known;
    this.#ordinals.set(name, this.#namespaces.length);
    this.#namespaces.push(Uint8Array.from(namespaceId));
    return this.#namespaces.length - 1;
  }
}
