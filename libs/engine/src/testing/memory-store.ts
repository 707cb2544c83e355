import { AppError } from '@longhaul/kernel';
import {
  readHead,
  sectionsOfLayers,
  type BlockStore,
  type GetFrame,
  type GetRequest,
  type PrefixLookup,
  type PrefixMatch,
  type PutRequest,
  type PutSession,
  FORMAT_MAJOR,
} from '@longhaul/kv-core';

const keyOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');
const notUsed = (): never => {
  throw new Error('the engine does not use this');
};

/** A store in a map, layer-major and in small frames, that can be slow, dead or wrong on demand. */
export class MemoryStore implements BlockStore {
  readonly objects = new Map<string, Uint8Array>();
  readonly tenants = new Map<string, number>();
  lookups = 0;
  frameBytes = 4096;
  /** What lookups expect of each block. */
  microsPerBlock = 1;
  /** Called before every call and every frame; may wait or throw. */
  before: (what: 'handshake' | 'lookup' | 'put' | 'write' | 'commit' | 'get' | 'frame') => Promise<void> | void = () =>
    undefined;

  async handshake() {
    await this.before('handshake');
    return { formatVersion: FORMAT_MAJOR, storeEpoch: 1n, maxFrameBytes: 8192, credit: 4 };
  }

  async lookupPrefix({ keys, namespace }: PrefixLookup): Promise<PrefixMatch> {
    this.lookups++;
    await this.before('lookup');
    let matched = 0;
    while (matched < keys.length && this.objects.has(keyOf(keys[matched] as Uint8Array))) matched++;
    this.tenants.set(namespace.tenant, (this.tenants.get(namespace.tenant) ?? 0) + matched);
    const storedBytes = keys
      .slice(0, matched)
      .reduce((sum, key) => sum + (this.objects.get(keyOf(key))?.length ?? 0), 0);
    const estimatedLoadMicros = this.microsPerBlock * matched;
    const span = { tier: 'ram' as const, first: 0, count: matched, storedBytes, estimatedLoadMicros };
    return {
      matchedBlocks: matched,
      spans: matched > 0 ? [span] : [],
      leaseId: Uint8Array.of(1),
      leaseExpiresUnixMs: Date.now() + 1000,
      storeEpoch: 1n,
    };
  }

  async beginPut({ key, objectBytes }: PutRequest): Promise<PutSession> {
    await this.before('put');
    const name = keyOf(key);
    const bytes = new Uint8Array(objectBytes);
    return {
      alreadyPresent: this.objects.has(name),
      write: async (offset, piece) => {
        await this.before('write');
        bytes.set(piece, offset);
      },
      commit: async () => {
        await this.before('commit');
        readHead(bytes, { seqKey: key, objectBytes });
        this.objects.set(name, bytes);
        return { alreadyPresent: false, durableTier: 'ram' };
      },
      abort: () => Promise.resolve(),
    };
  }

  async *get({ keys, layerBegin, layerEnd }: GetRequest): AsyncGenerator<GetFrame> {
    await this.before('get');
    const objects = keys.map((key) => this.objects.get(keyOf(key)));
    const heads = objects.map((bytes) => (bytes === undefined ? null : readHead(bytes, {})));
    for (const [block, head] of heads.entries()) {
      if (head !== null) yield { kind: 'head', block, bytes: objects[block]!.subarray(0, head.headBytes) };
    }
    for (let layer = layerBegin; layer < layerEnd; layer++) {
      for (const [block, head] of heads.entries()) {
        if (head === null) continue;
        const sections = sectionsOfLayers(head, layer, layer + 1).filter((s) => layer === 0 || s.layer === layer);
        for (const { index, offset: start, storedBytes } of sections) {
          for (let offset = 0; offset < storedBytes; offset += this.frameBytes) {
            await this.before('frame');
            const end = Math.min(storedBytes, offset + this.frameBytes);
            const bytes = objects[block]!.slice(start + offset, start + end);
            yield { kind: 'data', block, section: index, offset, bytes };
          }
        }
      }
    }
    for (const block of keys.keys()) {
      yield { kind: 'end', block, outcome: heads[block] === null ? 'not_found' : 'ok' };
    }
    yield { kind: 'done', blocksOk: keys.length };
  }

  evict({ what }: Parameters<BlockStore['evict']>[0]) {
    if (what.kind !== 'keys') return notUsed();
    const evicted = what.keys.filter((key) => this.objects.delete(keyOf(key))).length;
    return Promise.resolve({ evicted, leasedSkipped: 0 });
  }

  releaseLease = () => Promise.resolve();
  renewLease = notUsed;
  pin = notUsed;
  unpin = notUsed;
  watch = notUsed;
  snapshot = notUsed;
  stat = notUsed;
}

/** What a store says that cannot be reached. */
export function unreachable(): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason: 'KV_STORE_UNAVAILABLE', message: 'The store is away.' });
}

/** What a store says that does not want this from this caller. */
export function refused(reason: string): AppError {
  return new AppError({ code: 'PERMISSION_DENIED', reason, message: 'The store refuses.' });
}

/** A promise that never settles. */
export const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
