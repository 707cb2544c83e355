import { kvstoreV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';

/**
 * A serialized message in two parts: what a payload needs before it, and the payload as it lies in memory. Together
 * they are the ordinary protobuf form, because payloads are the last field of their messages.
 */
export interface EncodedMessage {
  readonly prefix: Buffer;
  /** Empty for messages without payload. */
  readonly payload: Uint8Array;
}

const NO_PAYLOAD = new Uint8Array(0);

/** A put message; a chunk's bytes are not copied. */
export function encodePut(message: kvstoreV1.PutRequest): EncodedMessage {
  if (message.frame?.$case !== 'chunk') return whole(kvstoreV1.PutRequest.encode(message).finish());
  const { data, ...fields } = message.frame.value;
  const inner = kvstoreV1.PutChunk.encode({ ...fields, data: Buffer.alloc(0) }).finish();
  return withPayload({ outerField: 2, inner, dataField: 3 }, data);
}

/** A get message; the bytes of heads and chunks are not copied. */
export function encodeGet(message: kvstoreV1.GetResponse): EncodedMessage {
  const { frame } = message;
  if (frame?.$case === 'chunk') {
    const { data, ...fields } = frame.value;
    const inner = kvstoreV1.GetChunk.encode({ ...fields, data: Buffer.alloc(0) }).finish();
    return withPayload({ outerField: 2, inner, dataField: 5 }, data);
  }
  if (frame?.$case === 'head') {
    const { data, ...fields } = frame.value;
    const inner = kvstoreV1.BlockHead.encode({ ...fields, data: Buffer.alloc(0) }).finish();
    return withPayload({ outerField: 1, inner, dataField: 3 }, data);
  }
  return whole(kvstoreV1.GetResponse.encode(message).finish());
}

/** The inverse of `encodePut`: the payload is a view of `bytes`. */
export function decodePut(bytes: Uint8Array): kvstoreV1.PutRequest {
  const cut = splitPayload(bytes, { 2: 3 });
  if (!cut) return kvstoreV1.PutRequest.decode(bytes);
  const chunk = kvstoreV1.PutChunk.decode(cut.inner);
  return { frame: { $case: 'chunk', value: { ...chunk, data: cut.payload } } };
}

/** The inverse of `encodeGet`: the payload is a view of `bytes`. */
export function decodeGet(bytes: Uint8Array): kvstoreV1.GetResponse {
  const cut = splitPayload(bytes, { 1: 3, 2: 5 });
  if (!cut) return kvstoreV1.GetResponse.decode(bytes);
  if (cut.outerField === 1) {
    return { frame: { $case: 'head', value: { ...kvstoreV1.BlockHead.decode(cut.inner), data: cut.payload } } };
  }
  return { frame: { $case: 'chunk', value: { ...kvstoreV1.GetChunk.decode(cut.inner), data: cut.payload } } };
}

/** One buffer of an encoded message, for transports that want one: the only copy of the payload. */
export function joined({ prefix, payload }: EncodedMessage): Buffer {
  return payload.length === 0 ? prefix : Buffer.concat([prefix, payload]);
}

function whole(bytes: Uint8Array): EncodedMessage {
  return { prefix: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), payload: NO_PAYLOAD };
}

interface PayloadPlace {
  outerField: number;
  /** The inner message without its payload. */
  inner: Uint8Array;
  dataField: number;
}

function withPayload({ outerField, inner, dataField }: PayloadPlace, payload: Uint8Array): EncodedMessage {
  const prefix = Buffer.allocUnsafe(inner.length + 14);
  const lengthBytes = varintBytes(payload.length);
  let at = prefix.writeUInt8((outerField << 3) | 2, 0);
  at = writeVarint(prefix, inner.length + 1 + lengthBytes + payload.length, at);
  prefix.set(inner, at);
  at = prefix.writeUInt8((dataField << 3) | 2, at + inner.length);
  at = writeVarint(prefix, payload.length, at);
  return { prefix: prefix.subarray(0, at), payload };
}

interface Cut {
  outerField: number;
  inner: Uint8Array;
  payload: Buffer;
}

/**
 * Splits a message that consists of one sub-message whose last field is the payload. Null for all other forms of the
 * same message, which the generated decoder reads.
 */
function splitPayload(bytes: Uint8Array, dataFields: Readonly<Record<number, number>>): Cut | null {
  const tag = bytes[0] ?? 0;
  const dataField = dataFields[tag >> 3];
  if ((tag & 7) !== 2 || dataField === undefined) return null;
  const outer = readVarint(bytes, 1);
  if (outer.end + outer.value !== bytes.length) return null;
  let at = outer.end;
  while (at < bytes.length) {
    const field = bytes[at] ?? 0;
    if (field === ((dataField << 3) | 2)) {
      const length = readVarint(bytes, at + 1);
      if (length.end + length.value !== bytes.length) return null;
      const payload = Buffer.from(bytes.buffer, bytes.byteOffset + length.end, length.value);
      return { outerField: tag >> 3, inner: bytes.subarray(outer.end, at), payload };
    }
    const wireType = field & 7;
    if (field >= 0x80 || (wireType !== 0 && wireType !== 5)) return null;
    at = wireType === 5 ? at + 5 : skipVarint(bytes, at + 1);
  }
  return null;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++;
  return count;
}

function writeVarint(into: Buffer, value: number, offset: number): number {
  let at = offset;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) at = into.writeUInt8((rest & 0x7f) | 0x80, at);
  return into.writeUInt8(rest, at);
}

/** Lengths only: at most 35 bits. */
function readVarint(bytes: Uint8Array, offset: number): { value: number; end: number } {
  let value = 0;
  for (let at = offset, scale = 1; at < offset + 5; at++, scale *= 0x80) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw new AppError({ code: 'INVALID_ARGUMENT', reason: 'PROTOCOL_ERROR', message: 'A message is cut off.' });
}

function skipVarint(bytes: Uint8Array, offset: number): number {
  let at = offset;
  while ((bytes[at] ?? 0) >= 0x80) at++;
  return at + 1;
}
