import { AppError } from '@longhaul/kernel';
import { HEADER_BYTES, SECTION_ENTRY_BYTES } from '../format/constants.js';
import { repairHead } from './repair.js';
import { sampleBlock } from './sample-block.js';

/** A change of a block's bytes. */
export type Edit = (bytes: Uint8Array, view: DataView) => void;

/** Where a field of a table entry is. Samples have 0 tokens, 1 sub-checksums, 2 K and 3 V of the first layer. */
export function entry(index: number, field: number): number {
  return HEADER_BYTES + SECTION_ENTRY_BYTES * index + field;
}

/** Turns the lowest bit of a byte over. */
export function flip(bytes: Uint8Array, at: number): void {
  bytes[at] = (bytes[at] as number) ^ 1;
}

/** A sample with a change; the CRCs of its head are made to fit again unless `repair` is false. */
export function editedBlock(edit: Edit, options: { repair?: boolean; signed?: boolean } = {}): Uint8Array {
  const bytes = sampleBlock({ signed: options.signed ?? false });
  edit(bytes, new DataView(bytes.buffer));
  if (options.repair ?? true) repairHead(bytes);
  return bytes;
}

/** The name of the check that refused, or 'accepted'. Anything but an AppError is thrown on. */
export function faultOf(run: () => unknown): unknown {
  try {
    run();
    return 'accepted';
  } catch (error) {
    if (!AppError.isInstance(error)) throw error;
    return error.details['fault'];
  }
}
