import type { StoredType } from '../checkpoint/checkpoint.js';

export interface BlockType {
  readonly dtype: StoredType;
  /** Elements of one block; 1 for plain floats. */
  readonly elements: number;
  /** Bytes of one block. */
  readonly bytes: number;
}

/** The element types that are read, by ggml's type id. */
export const BLOCK_TYPES: Readonly<Record<number, BlockType>> = {
  0: { dtype: 'F32', elements: 1, bytes: 4 },
  1: { dtype: 'F16', elements: 1, bytes: 2 },
  2: { dtype: 'Q4_0', elements: 32, bytes: 18 },
  3: { dtype: 'Q4_1', elements: 32, bytes: 20 },
  6: { dtype: 'Q5_0', elements: 32, bytes: 22 },
  7: { dtype: 'Q5_1', elements: 32, bytes: 24 },
  8: { dtype: 'Q8_0', elements: 32, bytes: 34 },
  12: { dtype: 'Q4_K', elements: 256, bytes: 144 },
  13: { dtype: 'Q5_K', elements: 256, bytes: 176 },
  14: { dtype: 'Q6_K', elements: 256, bytes: 210 },
  30: { dtype: 'BF16', elements: 1, bytes: 2 },
};

/** ggml's names of types that are not read, for the error. */
export const OTHER_TYPES: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};
