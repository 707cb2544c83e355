import { AppError } from '@longhaul/kernel';
import { createTokenizer, type Tokenizer } from '@longhaul/tokenizer';
import { overLimit } from '../checkpoint/checkpoint-errors.js';
import type { TokenizerFiles } from '../checkpoint/checkpoint.js';
import { FILE_LIMITS } from '../checkpoint/file-limits.js';
import { parseJsonObject } from '../checkpoint/json-object.js';
import type { ConfigValues } from '../config/config-reader.js';
import { checkPipelines, tokenizerInvalid } from './pipeline-bounds.js';
import { checkTokenIds } from './token-ids.js';

/** A tokenizer that serving can load: its files as they go into the package, and parsed. */
export interface CheckedTokenizer {
  readonly files: TokenizerFiles;
  readonly tokenizer: ConfigValues;
  readonly settings: ConfigValues;
  /** As a server makes it. */
  readonly built: Tokenizer;
}

/**
 * Refuses at import what serving would refuse: sizes, structure and ids are checked, then the tokenizer is made from its
 * files as a server does it.
 *
 * @param vocabSize rows of the model's embedding table.
 * @throws AppError `CHECKPOINT_LIMIT`, `TOKENIZER_INVALID`, or what the tokenizer itself refuses (`BAD_TOKENIZER_FILE`,
 * `UNSUPPORTED_TOKENIZER`).
 */
export function checkTokenizer(files: TokenizerFiles, vocabSize: number): CheckedTokenizer {
  checkSizes(files);
  const parsed = parseJsonObject('tokenizer.json', files.tokenizerJson);
  const settings = parseJsonObject('tokenizer_config.json', files.tokenizerConfigJson);
  checkPipelines(parsed);
  const tokenizer = checkTokenIds(parsed, vocabSize);
  const kept = tokenizer === parsed ? files : { ...files, tokenizerJson: Buffer.from(JSON.stringify(tokenizer)) };
  const built = build(kept);
  checkFrame(built, vocabSize);
  return { files: kept, tokenizer, settings, built };
}

function checkSizes({ tokenizerJson, tokenizerConfigJson, chatTemplate }: TokenizerFiles): void {
  const sizes = [
    ['tokenizer.json', tokenizerJson.length, FILE_LIMITS.tokenizer],
    ['tokenizer_config.json', tokenizerConfigJson.length, FILE_LIMITS.tokenizerConfig],
    ['The chat template', chatTemplate === null ? 0 : Buffer.byteLength(chatTemplate), FILE_LIMITS.chatTemplate],
  ] as const;
  for (const [name, bytes, limit] of sizes) {
    if (bytes > limit) throw overLimit(name, `its size of ${bytes} bytes`, limit);
  }
}

function build(files: TokenizerFiles): Tokenizer {
  try {
    return createTokenizer(files);
  } catch (cause) {
    if (AppError.isInstance(cause)) throw cause;
    throw tokenizerInvalid('tokenizer.json cannot be used: it is not built as the format says.', cause);
  }
}

/** The ids that are put around every text must be the model's as well. */
function checkFrame(tokenizer: Tokenizer, vocabSize: number): void {
  const outside = tokenizer.encode('').find((id) => id < 0 || id >= vocabSize);
  if (outside === undefined) return;
  throw tokenizerInvalid(
    `tokenizer.json: post_processor puts the id ${outside} around texts; the model has rows for 0 to ${vocabSize - 1}.`,
  );
}
