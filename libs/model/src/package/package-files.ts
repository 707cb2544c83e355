import type { FileKind } from '../checkpoint/file-limits.js';

/** File names of a model package. */
export const MANIFEST_FILE = 'manifest.json';
export const WEIGHTS_FILE = 'weights.bin';
/** Name, format, shape and place of every weight in the weights file. */
export const WEIGHTS_INDEX_FILE = 'weights.json';
export const TOKENIZER_FILE = 'tokenizer.json';
export const TOKENIZER_CONFIG_FILE = 'tokenizer_config.json';
export const CHAT_TEMPLATE_FILE = 'chat_template.jinja';

/** Artefacts of calibration: `attention-<kind>-<16 digits of its digest>.json`. */
export const ARTEFACT_FILE = /^attention-[a-z-]{1,40}-[0-9a-f]{16}\.json$/;

/** Files that every package has beside its manifest. */
export const REQUIRED_FILES = [WEIGHTS_FILE, WEIGHTS_INDEX_FILE, TOKENIZER_FILE, TOKENIZER_CONFIG_FILE] as const;

/** Every file that an import writes beside the manifest. */
export const PACKAGE_FILES = [...REQUIRED_FILES, CHAT_TEMPLATE_FILE] as const;

/** Files of a package that are read whole, and the bound that each is under. */
export const SMALL_FILES: Readonly<Record<string, FileKind>> = {
  [WEIGHTS_INDEX_FILE]: 'weightsIndex',
  [TOKENIZER_FILE]: 'tokenizer',
  [TOKENIZER_CONFIG_FILE]: 'tokenizerConfig',
  [CHAT_TEMPLATE_FILE]: 'chatTemplate',
};
