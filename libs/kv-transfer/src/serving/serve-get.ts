import type { kvstoreV1 } from '@longhaul/contracts';
import { invalidArgument } from '@longhaul/kernel';
import type { GetFrame } from '@longhaul/kv-core';
import {
  asBuffer,
  frameErrors,
  fromGetOpen,
  getChunkChecksum,
  type GetPlace,
  headChecksum,
  knownGetChunkChecksum,
  toOutcome,
  type MessageLink,
} from '@longhaul/kv-wire';
import { callOptions } from './call-options.js';
import { Credit } from './credit.js';
import type { TransferCall, TransferParts } from './serve-put.js';

export type GetLink = MessageLink<kvstoreV1.GetRequest, kvstoreV1.GetResponse>;

/**
 * One chain of blocks. A frame with payload leaves only against credit and when the link has room, and the store is
 * asked for the next only then: a client that reads nothing costs one frame.
 */
export async function serveGet(parts: TransferParts, link: GetLink, call: TransferCall): Promise<void> {
  const first = (await link.receive())?.control;
  if (first?.$case !== 'open') throw frameErrors.protocol('A get must start with its open.');
  const request = fromGetOpen(first.value);
  call.authorize(request.namespace);
  if (first.value.credit < 1) throw invalidArgument('credit', 'credit must be at least 1.');
  const over = new AbortController();
  const signal = AbortSignal.any([call.signal, over.signal]);
  const credit = new Credit(Math.min(first.value.credit, parts.credit));
  const listening = listen(link, credit, parts.credit).catch((error: unknown) => over.abort(error));
  try {
    const options = callOptions({ ...call, signal }, first.value.timeoutMs);
    for await (const frame of parts.store.get(request, options)) {
      if (frame.kind === 'head' || frame.kind === 'data') await sendPayload(parts, { link, credit, signal }, frame);
      else await link.send(plainFrame(frame));
    }
  } finally {
    over.abort();
    void listening;
  }
}

async function listen(link: GetLink, credit: Credit, limit: number): Promise<void> {
  for (;;) {
    const control = (await link.receive())?.control;
    if (control === undefined) return;
    if (control.$case !== 'credit') throw frameErrors.protocol('A get has one open.');
    credit.grant(Math.min(control.value.frames, limit));
  }
}

interface Outlet {
  link: GetLink;
  credit: Credit;
  signal: AbortSignal;
}

type PayloadFrame = Extract<GetFrame, { kind: 'head' | 'data' }>;

async function sendPayload(parts: TransferParts, outlet: Outlet, frame: PayloadFrame): Promise<void> {
  const { bytes } = frame;
  if (frame.kind === 'head') {
    await outlet.credit.take(outlet.signal);
    await outlet.link.send(headFrame(parts, frame.block, bytes));
    return;
  }
  for (let at = 0; at < bytes.length; at += parts.maxFrameBytes) {
    const data = bytes.subarray(at, at + parts.maxFrameBytes);
    const place = { block: frame.block, section: frame.section, offset: frame.offset + at };
    const crc32c = chunkChecksum(parts, place, {
      data,
      known: data.length === bytes.length ? frame.crc32c : undefined,
    });
    const value = { ...place, offset: BigInt(place.offset), crc32c, data: asBuffer(data) };
    await outlet.credit.take(outlet.signal);
    await outlet.link.send({ frame: { $case: 'chunk', value } });
  }
}

/** What the block says of its bytes goes out as it is: the client then checks them against the block's own checksum. */
function chunkChecksum(
  { checksum }: TransferParts,
  place: GetPlace,
  { data, known }: { data: Uint8Array; known: number | undefined },
): number {
  if (known === undefined) return getChunkChecksum(checksum, place, data);
  return knownGetChunkChecksum(checksum, place, { length: data.length, crc32c: known });
}

function headFrame(parts: TransferParts, block: number, bytes: Uint8Array): kvstoreV1.GetResponse {
  const crc32c = headChecksum(parts.checksum, block, bytes);
  return { frame: { $case: 'head', value: { block, crc32c, data: asBuffer(bytes) } } };
}

function plainFrame(frame: Extract<GetFrame, { kind: 'end' | 'done' }>): kvstoreV1.GetResponse {
  if (frame.kind === 'done') return { frame: { $case: 'done', value: { blocksOk: frame.blocksOk } } };
  return { frame: { $case: 'end', value: { block: frame.block, outcome: toOutcome(frame.outcome) } } };
}
