import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

/** Facts about an error, as small typed values. */
type ErrorFacts = Readonly<Record<string, string | number | boolean>>;

/** What `google.rpc.Status` carries beyond code and message. */
export interface StatusDetails {
  /** google.rpc.ErrorInfo */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** google.rpc.BadRequest: the field at fault, or null. */
  readonly field: string | null;
  /** google.rpc.RetryInfo: when to ask again, or null. */
  readonly retryDelayMs: number | null;
  /** google.protobuf.Struct: the facts with their types; ErrorInfo knows strings only. */
  readonly facts: ErrorFacts;
}

const DOMAIN = 'longhaul';
const TYPE = {
  errorInfo: 'type.googleapis.com/google.rpc.ErrorInfo',
  badRequest: 'type.googleapis.com/google.rpc.BadRequest',
  retryInfo: 'type.googleapis.com/google.rpc.RetryInfo',
  struct: 'type.googleapis.com/google.protobuf.Struct',
} as const;
const NANOS_PER_MS = 1_000_000;

/** A serialized google.rpc.Status, for the trailer `grpc-status-details-bin`. */
export function encodeStatusDetails(code: number, message: string, details: StatusDetails): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(tag(1, 0)).int32(code);
  writer.uint32(tag(2, 2)).string(message);
  const any = (typeUrl: string, value: Uint8Array) =>
    writer
      .uint32(tag(3, 2))
      .bytes(new BinaryWriter().uint32(tag(1, 2)).string(typeUrl).uint32(tag(2, 2)).bytes(value).finish());
  any(TYPE.errorInfo, encodeErrorInfo(details));
  if (details.field !== null) any(TYPE.badRequest, encodeBadRequest(details.field, message));
  if (details.retryDelayMs !== null) any(TYPE.retryInfo, encodeRetryInfo(details.retryDelayMs));
  if (Object.keys(details.facts).length > 0) any(TYPE.struct, encodeStruct(details.facts));
  return writer.finish();
}

/** The parts that are there, null where the bytes are no google.rpc.Status. Foreign details are skipped. */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails | null {
  let found: StatusDetails = { reason: '', metadata: {}, field: null, retryDelayMs: null, facts: {} };
  try {
    eachField(bytes, 3, (any) => {
      found = { ...found, ...decodeAny(any) };
    });
    return found;
  } catch {
    return null;
  }
}

function decodeAny(any: Uint8Array): Partial<StatusDetails> {
  let type = '';
  let value: Uint8Array = new Uint8Array();
  eachField(any, 1, (bytes) => (type = utf8(bytes)));
  eachField(any, 2, (bytes) => (value = bytes));
  switch (type) {
    case TYPE.errorInfo:
      return decodeErrorInfo(value);
    case TYPE.badRequest:
      return { field: decodeBadRequest(value) };
    case TYPE.retryInfo:
      return { retryDelayMs: decodeRetryInfo(value) };
    case TYPE.struct:
      return { facts: decodeStruct(value) };
    default:
      return {};
  }
}

function encodeErrorInfo({ reason, metadata }: StatusDetails): Uint8Array {
  const writer = new BinaryWriter().uint32(tag(1, 2)).string(reason).uint32(tag(2, 2)).string(DOMAIN);
  for (const [key, value] of Object.entries(metadata)) {
    writer
      .uint32(tag(3, 2))
      .bytes(new BinaryWriter().uint32(tag(1, 2)).string(key).uint32(tag(2, 2)).string(value).finish());
  }
  return writer.finish();
}

function decodeErrorInfo(bytes: Uint8Array): Partial<StatusDetails> {
  let reason = '';
  const metadata: Record<string, string> = {};
  eachField(bytes, 1, (value) => (reason = utf8(value)));
  eachField(bytes, 3, (entry) => {
    const [key, value] = decodeEntry(entry);
    metadata[key] = utf8(value);
  });
  return { reason, metadata };
}

function encodeBadRequest(field: string, description: string): Uint8Array {
  const violation = new BinaryWriter().uint32(tag(1, 2)).string(field).uint32(tag(2, 2)).string(description).finish();
  return new BinaryWriter().uint32(tag(1, 2)).bytes(violation).finish();
}

function decodeBadRequest(bytes: Uint8Array): string | null {
  let field: string | null = null;
  eachField(bytes, 1, (violation) => eachField(violation, 1, (value) => (field ??= utf8(value))));
  return field;
}

function encodeRetryInfo(delayMs: number): Uint8Array {
  const duration = new BinaryWriter().uint32(tag(1, 0)).int64(Math.floor(delayMs / 1000));
  duration.uint32(tag(2, 0)).int32((delayMs % 1000) * NANOS_PER_MS);
  return new BinaryWriter().uint32(tag(1, 2)).bytes(duration.finish()).finish();
}

function decodeRetryInfo(bytes: Uint8Array): number {
  let delayMs = 0;
  eachField(bytes, 1, (duration) => {
    const reader = new BinaryReader(duration);
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      if (field === 1) delayMs += Number(reader.int64()) * 1000;
      else if (field === 2) delayMs += Math.round(reader.int32() / NANOS_PER_MS);
      else reader.skip(wire, field);
    }
  });
  return delayMs;
}

function encodeStruct(facts: ErrorFacts): Uint8Array {
  const writer = new BinaryWriter();
  for (const [key, fact] of Object.entries(facts)) {
    const value = new BinaryWriter();
    if (typeof fact === 'number') value.uint32(tag(2, 1)).double(fact);
    else if (typeof fact === 'string') value.uint32(tag(3, 2)).string(fact);
    else value.uint32(tag(4, 0)).bool(fact);
    const entry = new BinaryWriter().uint32(tag(1, 2)).string(key).uint32(tag(2, 2)).bytes(value.finish());
    writer.uint32(tag(1, 2)).bytes(entry.finish());
  }
  return writer.finish();
}

function decodeStruct(bytes: Uint8Array): ErrorFacts {
  const facts: Record<string, string | number | boolean> = {};
  eachField(bytes, 1, (entry) => {
    const [key, value] = decodeEntry(entry);
    const reader = new BinaryReader(value);
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      if (field === 2) facts[key] = reader.double();
      else if (field === 3) facts[key] = reader.string();
      else if (field === 4) facts[key] = reader.bool();
      else reader.skip(wire, field);
    }
  });
  return facts;
}

function decodeEntry(entry: Uint8Array): [string, Uint8Array] {
  let key = '';
  let value: Uint8Array = new Uint8Array();
  eachField(entry, 1, (bytes) => (key = utf8(bytes)));
  eachField(entry, 2, (bytes) => (value = bytes));
  return [key, value];
}

/** Calls `take` with each length-delimited value of one field; other fields are skipped. */
function eachField(bytes: Uint8Array, wanted: number, take: (value: Uint8Array) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === wanted && wire === 2) take(reader.bytes());
    else reader.skip(wire, field);
  }
}

function tag(field: number, wire: 0 | 1 | 2): number {
  return (field << 3) | wire;
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
