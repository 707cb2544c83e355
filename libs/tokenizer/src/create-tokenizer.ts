import type { TokenizerFiles } from '@longhaul/inference';
import { createBpeTokenizer } from './bpe-tokenizer.js';
import type { Tokenizer } from './tokenizer.js';

export interface TokenizerOptions {
  /** Encode although the checkpoint's expressions may take any time. Only for a process that can be ended. */
  runForeignPatterns?: boolean;
}

type Files = Pick<TokenizerFiles, 'tokenizerJson' | 'tokenizerConfigJson'>;

/** Several parts of one process read the same files; the tables of a vocabulary take tens of megabytes. */
const built = new WeakMap<Files, Tokenizer>();

/**
 * Reads a tokenizer from its files. The same object of files gives the same tokenizer. BPE models with byte-level or SentencePiece-like pipelines are built; anything else
 * is refused by name.
 *
 * @throws AppError BAD_TOKENIZER_FILE (INVALID_ARGUMENT) or UNSUPPORTED_TOKENIZER (UNIMPLEMENTED)
 */
export function createTokenizer(files: Files, options: TokenizerOptions = {}): Tokenizer {
  if (options.runForeignPatterns === true) return createBpeTokenizer(files, true);
  const known = built.get(files);
  if (known !== undefined) return known;
  const tokenizer = createBpeTokenizer(files, false);
  built.set(files, tokenizer);
  return tokenizer;
}
