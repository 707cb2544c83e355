import type { kvstoreV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import { type Checksum, crc32cCombine, crc32cShift } from '@longhaul/kv-core';

/** Where bytes of a put belong; the checksum covers the place as well as the bytes. */
export function putChunkChecksum(checksum: Checksum, offset: number, data: Uint8Array): number {
  const place = Buffer.allocUnsafe(8);
  place.writeBigUInt64LE(BigInt(offset));
  return checksum(data, checksum(place));
}

/** Where bytes of a get belong. */
export interface GetPlace {
  readonly block: number;
  readonly section: number;
  readonly offset: number;
}

/** The checksum of a chunk of a get: over its place and its bytes. */
export function getChunkChecksum(checksum: Checksum, at: GetPlace, data: Uint8Array): number {
  return checksum(data, checksum(placeBytes(at)));
}

/** The same from the CRC32C of the bytes, which are not read. */
export function knownGetChunkChecksum(
  checksum: Checksum,
  at: GetPlace,
  data: { readonly length: number; readonly crc32c: number },
): number {
  return crc32cCombine(checksum(placeBytes(at)), data.crc32c, crc32cShift(data.length));
}

function placeBytes(at: GetPlace): Buffer {
  const place = Buffer.allocUnsafe(16);
  place.writeUInt32LE(at.block, 0);
  place.writeUInt32LE(at.section, 4);
  place.writeBigUInt64LE(BigInt(at.offset), 8);
  return place;
}

export function headChecksum(checksum: Checksum, block: number, data: Uint8Array): number {
  const place = Buffer.allocUnsafe(4);
  place.writeUInt32LE(block);
  return checksum(data, checksum(place));
}

/** @throws AppError `KV_CORRUPT` where the bytes or their place are not what was sent. */
export function verifyPutChunk(checksum: Checksum, chunk: kvstoreV1.PutChunk): void {
  require(putChunkChecksum(checksum, Number(chunk.offset), chunk.data), chunk.crc32c);
}

export function verifyGetChunk(checksum: Checksum, chunk: kvstoreV1.GetChunk): void {
  const { block, section, offset } = chunk;
  require(getChunkChecksum(checksum, { block, section, offset: Number(offset) }, chunk.data), chunk.crc32c);
}

export function verifyHead(checksum: Checksum, head: kvstoreV1.BlockHead): void {
  require(headChecksum(checksum, head.block, head.data), head.crc32c);
}

function require(computed: number, sent: number): void {
  if (computed === sent) return;
  throw new AppError({
    code: 'DATA_LOSS',
    reason: 'KV_CORRUPT',
    message: 'A frame was damaged on its way: its checksum does not hold.',
    details: { fault: 'frame_crc' },
    retry: 'same',
  });
}
