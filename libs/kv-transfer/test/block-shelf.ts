import { AppError } from '@longhaul/kernel';
import type { BlockStore, GetFrame, GetRequest, PutRequest, PutSession } from '@longhaul/kv-core';

/** Bytes of a block that the shelf calls its head; the rest is one section. */
export const HEAD_BYTES = 64;

/** The least that can be served: blocks by key, in this process. A worker that hands its KV on has no more than that. */
export class BlockShelf implements Pick<BlockStore, 'beginPut' | 'get'> {
  readonly blocks = new Map<string, Uint8Array>();
  readonly aborted: string[] = [];

  beginPut({ key, objectBytes }: PutRequest): Promise<PutSession> {
    const block = new Uint8Array(objectBytes);
    return Promise.resolve({
      alreadyPresent: this.blocks.has(nameOf(key)),
      write: (offset, bytes) => Promise.resolve(block.set(bytes, offset)),
      commit: () => {
        this.blocks.set(nameOf(key), block);
        return Promise.resolve({ alreadyPresent: false, durableTier: 'ram' });
      },
      abort: (reason) => {
        this.aborted.push(reason);
        return Promise.resolve();
      },
    });
  }

  async *get({ keys }: GetRequest): AsyncGenerator<GetFrame, void, undefined> {
    for (const [index, key] of keys.entries()) {
      const bytes = this.blocks.get(nameOf(key));
      if (!bytes) throw new AppError({ code: 'NOT_FOUND', reason: 'KV_NOT_FOUND', message: 'No such block.' });
      yield { kind: 'head', block: index, bytes: bytes.subarray(0, HEAD_BYTES) };
      yield { kind: 'data', block: index, section: 0, offset: 0, bytes: bytes.subarray(HEAD_BYTES) };
      yield { kind: 'end', block: index, outcome: 'ok' };
    }
    yield { kind: 'done', blocksOk: keys.length };
  }
}

export function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}
