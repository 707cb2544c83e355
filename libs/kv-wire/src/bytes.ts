import { invalidArgument } from '@longhaul/kernel';

/** The same memory as a Buffer, which the generated messages want. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @throws AppError `INVALID_ARGUMENT` where a field has another length than the contract says. */
export function requireLength(field: string, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  throw invalidArgument(field, `${field} must have ${length} bytes; it has ${bytes.length}.`, { length: bytes.length });
}

/** A 64-bit count of the wire as a number. @throws AppError `INVALID_ARGUMENT` beyond 2^53. */
export function asNumber(field: string, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw invalidArgument(field, `${field} must be at most ${Number.MAX_SAFE_INTEGER}.`);
}

/** A count for the wire; fractions are dropped, negative and not finite numbers become 0. */
export function asCount(value: number): bigint {
  return Number.isFinite(value) && value > 0 ? BigInt(Math.floor(value)) : 0n;
}
