import type { Duration } from './generated/google/protobuf/duration.js';
import { Struct } from './generated/google/protobuf/struct.js';
import { BadRequest, ErrorInfo, RetryInfo } from './generated/google/rpc/error_details.js';
import { Status } from './generated/google/rpc/status.js';

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
  const { reason, metadata, field, retryDelayMs, facts } = details;
  const parts = [any(TYPE.errorInfo, ErrorInfo.encode({ reason, domain: DOMAIN, metadata }))];
  if (field !== null) {
    const violation = { field, description: message, reason: '', localizedMessage: undefined };
    parts.push(any(TYPE.badRequest, BadRequest.encode({ fieldViolations: [violation] })));
  }
  if (retryDelayMs !== null)
    parts.push(any(TYPE.retryInfo, RetryInfo.encode({ retryDelay: durationOf(retryDelayMs) })));
  if (Object.keys(facts).length > 0) parts.push(any(TYPE.struct, Struct.encode({ fields: facts })));
  return Status.encode({ code, message, details: parts }).finish();
}

/** The parts that are there, null where the bytes are no google.rpc.Status. Foreign details are skipped. */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails | null {
  const none: StatusDetails = { reason: '', metadata: {}, field: null, retryDelayMs: null, facts: {} };
  try {
    const parts = Status.decode(bytes).details.map(({ typeUrl, value }) => partOf(typeUrl, value));
    return Object.assign(none, ...parts) as StatusDetails;
  } catch {
    return null;
  }
}

function partOf(type: string, value: Uint8Array): Partial<StatusDetails> {
  switch (type) {
    case TYPE.errorInfo: {
      const { reason, metadata } = ErrorInfo.decode(value);
      return { reason, metadata };
    }
    case TYPE.badRequest:
      return { field: BadRequest.decode(value).fieldViolations[0]?.field ?? null };
    case TYPE.retryInfo:
      return { retryDelayMs: millisecondsOf(RetryInfo.decode(value).retryDelay) };
    case TYPE.struct:
      return { facts: factsOf(Struct.decode(value)) };
    default:
      return {};
  }
}

function any(typeUrl: string, writer: { finish(): Uint8Array }): { typeUrl: string; value: Buffer } {
  return { typeUrl, value: Buffer.from(writer.finish()) };
}

function durationOf(delayMs: number): Duration {
  return { seconds: Math.floor(delayMs / 1000), nanos: Math.round((delayMs % 1000) * NANOS_PER_MS) };
}

function millisecondsOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : duration.seconds * 1000 + Math.round(duration.nanos / NANOS_PER_MS);
}

/** Facts are small values of three kinds; what else a foreign server has put there is none. */
function factsOf({ fields }: Struct): ErrorFacts {
  const isFact = ([, value]: [string, unknown]): boolean => ['string', 'number', 'boolean'].includes(typeof value);
  return Object.fromEntries(Object.entries(fields).filter(isFact)) as ErrorFacts;
}
