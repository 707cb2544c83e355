import { AppError } from '@longhaul/kernel';

/**
 * What is wrong with a block, one word per check of the reader. It is `details.fault` of the error; the error's `reason`
 * says what a caller does about it.
 */
export type BlockFault =
  // KV_INCOMPLETE: bytes are missing.
  | 'truncated_header'
  | 'truncated_head'
  | 'truncated_section'
  | 'object_length'
  // KV_CORRUPT: the bytes contradict a checksum or themselves.
  | 'magic'
  | 'header_crc'
  | 'header_size'
  | 'header_field'
  | 'reserved_not_zero'
  | 'section_count'
  | 'object_size'
  | 'section_bounds'
  | 'section_alignment'
  | 'section_overlap'
  | 'section_layer'
  | 'section_size'
  | 'section_missing'
  | 'section_twice'
  | 'flags'
  | 'table_crc'
  | 'mac'
  | 'mac_missing'
  | 'section_crc'
  | 'section_digest'
  | 'sub_crc'
  | 'padding_not_zero'
  // KV_NAMESPACE_MISMATCH and KV_CORRUPT: a sound block, but not the one asked for.
  | 'model_fingerprint'
  | 'tenant_tag'
  | 'deploy_epoch'
  | 'sequence_key'
  | 'parent_key'
  // KV_UNSUPPORTED: sound, but not readable here.
  | 'major_version'
  | 'encrypted'
  | 'section_kind'
  | 'codec'
  | 'dtype'
  | 'layout'
  | 'geometry';

type Facts = Readonly<Record<string, string | number | boolean>>;

/** Every refusal of this package, in one place. Never token text, keys in full, or secrets. */
export const kvErrors = {
  /** Damaged, or not the block that was asked for: a miss to the reader, a case for quarantine to the store. */
  corrupt: (fault: BlockFault, message: string, facts: Facts = {}): AppError =>
    new AppError({ code: 'DATA_LOSS', reason: 'KV_CORRUPT', message, details: { fault, ...facts } }),
  incomplete: (fault: BlockFault, message: string, facts: Facts = {}): AppError =>
    new AppError({ code: 'DATA_LOSS', reason: 'KV_INCOMPLETE', message, details: { fault, ...facts } }),
  namespaceMismatch: (fault: BlockFault, message: string): AppError =>
    new AppError({ code: 'FAILED_PRECONDITION', reason: 'KV_NAMESPACE_MISMATCH', message, details: { fault } }),
  unsupported: (fault: BlockFault, message: string, facts: Facts = {}): AppError =>
    new AppError({ code: 'UNIMPLEMENTED', reason: 'KV_UNSUPPORTED', message, details: { fault, ...facts } }),
  /** A caller's mistake: the field and what it may be. */
  argument: (field: string, message: string): AppError =>
    new AppError({ code: 'INVALID_ARGUMENT', reason: 'INVALID_ARGUMENT', field, message }),
};
