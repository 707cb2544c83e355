import { FORMAT_MAJOR } from '@longhaul/kv-core';
import { randomBytes } from 'node:crypto';
import { AppError } from '@longhaul/kernel';
import type { BlockStore, GetFrame, GetRequest, PutRequest, PutSession } from '@longhaul/kv-core';

/** What the store did, for tests of the transports around it. */
export interface MemoryStoreTrace {
  aborted: string[];
  /** Frames that a get has handed out. */
  yielded: number;
  /** Gets that are being iterated. */
  gets: number;
  deadlines: (number | undefined)[];
}

/** Bytes of an object that the store calls its head. */
export const HEAD_BYTES = 64;
const FRAME_BYTES = 2 ** 20;

/**
 * The least store that a transport can be tested against: objects are any bytes, the first 64 are the head, the rest is
 * one section. It checks nothing but completeness.
 */
export function createMemoryStore(): { store: BlockStore; objects: Map<string, Uint8Array>; trace: MemoryStoreTrace } {
  const objects = new Map<string, Uint8Array>();
  const trace: MemoryStoreTrace = { aborted: [], yielded: 0, gets: 0, deadlines: [] };
  const unsupported = () => Promise.reject(new Error('not part of this store'));
  const store: BlockStore = {
    handshake: () =>
      Promise.resolve({ formatVersion: FORMAT_MAJOR, storeEpoch: 7n, maxFrameBytes: FRAME_BYTES, credit: 8 }),
    lookupPrefix: ({ keys }) => {
      const missing = keys.findIndex((key) => !objects.has(nameOf(key)));
      const matchedBlocks = missing < 0 ? keys.length : missing;
      const leaseExpiresUnixMs = Date.now() + 10_000;
      return Promise.resolve({
        matchedBlocks,
        spans: [],
        leaseId: randomBytes(16),
        leaseExpiresUnixMs,
        storeEpoch: 7n,
      });
    },
    beginPut: (request, call) => {
      trace.deadlines.push(call?.deadlineUnixMs);
      return Promise.resolve(openPut(request, objects, trace));
    },
    get: (request, call) => getFrames(request, { objects, trace, signal: call?.signal }),
    renewLease: unsupported,
    releaseLease: () => Promise.resolve(),
    pin: unsupported,
    unpin: unsupported,
    evict: unsupported,
    watch: () => {
      throw new Error('not part of this store');
    },
    snapshot: () => {
      throw new Error('not part of this store');
    },
    stat: () => Promise.resolve({ tiers: [], leases: 0, lookups: 0, hitBlocks: 0, missedBlocks: 0, corruptBlocks: 0 }),
  };
  return { store, objects, trace };
}

export function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

function openPut(request: PutRequest, objects: Map<string, Uint8Array>, trace: MemoryStoreTrace): PutSession {
  const name = nameOf(request.key);
  const object = objects.has(name) ? null : new Uint8Array(request.objectBytes);
  let missing = request.objectBytes;
  return {
    alreadyPresent: object === null,
    write(offset, bytes) {
      object?.set(bytes, offset);
      missing -= bytes.length;
      return Promise.resolve();
    },
    commit() {
      if (object && missing !== 0) {
        const message = `${missing} bytes were not written.`;
        return Promise.reject(new AppError({ code: 'INVALID_ARGUMENT', reason: 'KV_INCOMPLETE', message }));
      }
      if (object) objects.set(name, object);
      return Promise.resolve({ alreadyPresent: object === null, durableTier: 'ram' });
    },
    abort(reason) {
      trace.aborted.push(reason);
      return Promise.resolve();
    },
  };
}

interface GetParts {
  objects: Map<string, Uint8Array>;
  trace: MemoryStoreTrace;
  signal: AbortSignal | undefined;
}

async function* getFrames(request: GetRequest, { objects, trace, signal }: GetParts): AsyncGenerator<GetFrame, void> {
  trace.gets++;
  try {
    let blocksOk = 0;
    for (const [block, key] of request.keys.entries()) {
      const object = objects.get(nameOf(key));
      if (!object) {
        yield { kind: 'end', block, outcome: 'not_found' };
        break;
      }
      yield { kind: 'head', block, bytes: object.subarray(0, HEAD_BYTES) };
      for (let at = HEAD_BYTES; at < object.length; at += FRAME_BYTES) {
        if (signal?.aborted) throw AppError.from(signal.reason);
        trace.yielded++;
        const bytes = object.subarray(at, at + FRAME_BYTES);
        yield { kind: 'data', block, section: 0, offset: at - HEAD_BYTES, bytes };
      }
      blocksOk++;
      yield { kind: 'end', block, outcome: 'ok' };
    }
    yield { kind: 'done', blocksOk };
  } finally {
    trace.gets--;
  }
}
