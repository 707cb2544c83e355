import type { kvstoreV1 } from '@longhaul/contracts';
import type { BlockStore, Checksum, Namespace, PutSession } from '@longhaul/kv-core';
import {
  asCount,
  asNumber,
  frameErrors,
  fromPutBegin,
  toTier,
  verifyPutChunk,
  type MessageLink,
} from '@longhaul/kv-wire';
import { callOptions } from './call-options.js';

export type PutLink = MessageLink<kvstoreV1.PutRequest, kvstoreV1.PutResponse>;

export interface TransferParts {
  /** Whoever has blocks: a store's core, or a worker that hands its own on. */
  readonly store: Pick<BlockStore, 'beginPut' | 'get'>;
  readonly checksum: Checksum;
  readonly maxFrameBytes: number;
  /** Chunks of a put that may be under way; the upper bound of what a get may ask for. */
  readonly credit: number;
}

export interface TransferCall {
  readonly signal: AbortSignal;
  /** What was left until the deadline when the call began; null without one. */
  readonly timeoutMs: number | null;
  /** Throws where the caller may not do this in that namespace. */
  authorize(namespace: Namespace): void;
}

/**
 * One block from its begin to its end. A chunk is acknowledged with credit once the store has taken it, so a sender is
 * never further ahead than the credit. Whatever goes wrong, the session is aborted: nothing half sent stays.
 */
export async function servePut(parts: TransferParts, link: PutLink, call: TransferCall): Promise<void> {
  const first = (await link.receive())?.frame;
  if (first?.$case !== 'begin') throw frameErrors.protocol('A put must start with its begin.');
  const request = fromPutBegin(first.value);
  call.authorize(request.namespace);
  const session = await parts.store.beginPut(request, callOptions(call, first.value.timeoutMs));
  let open = !session.alreadyPresent;
  try {
    const { alreadyPresent } = session;
    const opened = { alreadyPresent, credit: parts.credit, maxFrameBytes: asCount(parts.maxFrameBytes) };
    await link.send({ event: { $case: 'opened', value: opened } });
    if (!alreadyPresent) open = !(await takeChunks(parts, link, session));
  } finally {
    if (open) await session.abort('the put ended early').catch(() => undefined);
  }
}

/** True when the session was ended in an orderly way. */
async function takeChunks(parts: TransferParts, link: PutLink, session: PutSession): Promise<boolean> {
  let owed = 0;
  for (;;) {
    const frame = (await link.receive())?.frame;
    switch (frame?.$case) {
      case 'chunk': {
        await takeChunk(parts, session, frame.value);
        owed++;
        if (owed * 2 < parts.credit) break;
        await link.send({ event: { $case: 'credit', value: { frames: owed } } });
        owed = 0;
        break;
      }
      case 'commit': {
        const { alreadyPresent, durableTier } = await session.commit();
        await link.send({ event: { $case: 'committed', value: { alreadyPresent, durableTier: toTier(durableTier) } } });
        return true;
      }
      case 'abort':
        await session.abort(frame.value.reason);
        return true;
      case 'begin':
        throw frameErrors.protocol('A put has one begin.');
      case undefined:
        return false;
    }
  }
}

async function takeChunk(parts: TransferParts, session: PutSession, chunk: kvstoreV1.PutChunk): Promise<void> {
  const { data } = chunk;
  if (data.length > parts.maxFrameBytes) throw frameErrors.tooLarge(data.length, parts.maxFrameBytes);
  const offset = asNumber('offset', chunk.offset);
  verifyPutChunk(parts.checksum, chunk);
  await session.write(offset, data);
}
