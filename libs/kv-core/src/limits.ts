import { kvErrors } from './errors.js';

/** Most tokens of one block. The usual is 64. */
export const MAX_BLOCK_TOKENS = 65_536;

/** Largest block object: 1 GiB. Checked before anything is allocated for it. */
export const MAX_OBJECT_BYTES = 2 ** 30;

/** Most sections of one block. */
export const MAX_SECTIONS = 4096;

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Blocks hold little-endian words that are copied as they are: a big-endian machine is refused, not served garbage. */
export function requireLittleEndian(): void {
  if (!LITTLE_ENDIAN) throw kvErrors.unsupported('layout', 'KV blocks need a little-endian machine.');
}
