import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { corrupt } from './checkpoint-errors.js';
import type { TokenizerFiles } from './checkpoint.js';
import { isJsonObject, parseJsonObject, readSmallFile } from './read-json-file.js';

/** The largest published tokenizer.json (vocabulary of 262,144) is 33 MB. */
const MAX_TOKENIZER_BYTES = 128 * 1024 * 1024;
/** added_tokens_decoder makes the largest tokenizer_config.json about 1.2 MB. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;
/** Chat templates are 1 to 30 kB. */
const MAX_TEMPLATE_BYTES = 1024 * 1024;

/** Tokenizers in older forms, which need a conversion that is not built; named in the error. */
const OLDER_FORMS = ['tokenizer.model', 'vocab.json', 'tekken.json'];

/**
 * Reads the tokenizer files of a Hugging Face directory.
 *
 * The chat template is `chat_template.jinja`, else `chat_template` of tokenizer_config.json: a string, or a list whose
 * entry `default` is taken.
 *
 * @throws AppError `TOKENIZER_MISSING`, or `UNSUPPORTED_TOKENIZER` where only an older form is there.
 */
export async function readHuggingfaceTokenizer(directory: string): Promise<TokenizerFiles> {
  const tokenizerJson = await readSmallFile(join(directory, 'tokenizer.json'), MAX_TOKENIZER_BYTES);
  if (!tokenizerJson) throw await tokenizerMissing(directory);
  parseJsonObject('tokenizer.json', tokenizerJson);
  const configName = 'tokenizer_config.json';
  const tokenizerConfigJson =
    (await readSmallFile(join(directory, configName), MAX_CONFIG_BYTES)) ?? new TextEncoder().encode('{}');
  const config = parseJsonObject(configName, tokenizerConfigJson);
  const template = await readSmallFile(join(directory, 'chat_template.jinja'), MAX_TEMPLATE_BYTES);
  const chatTemplate = template ? decodeTemplate(template) : templateOf(config['chat_template']);
  return { tokenizerJson, tokenizerConfigJson, chatTemplate };
}

function decodeTemplate(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw corrupt('chat_template.jinja', 'it is not valid UTF-8.', cause);
  }
}

function templateOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  const entries: unknown[] = Array.isArray(value) ? value : [];
  for (const entry of entries) {
    if (isJsonObject(entry) && entry['name'] === 'default' && typeof entry['template'] === 'string') {
      return entry['template'];
    }
  }
  throw corrupt('tokenizer_config.json', 'its chat_template is neither a string nor a list with an entry "default".');
}

async function tokenizerMissing(directory: string): Promise<AppError> {
  for (const name of OLDER_FORMS) {
    const there = await access(join(directory, name)).then(
      () => true,
      () => false,
    );
    if (there) {
      return new AppError({
        code: 'UNIMPLEMENTED',
        reason: 'UNSUPPORTED_TOKENIZER',
        message: `${directory} has ${name} but no tokenizer.json; save it once with a fast tokenizer to get one.`,
        field: 'source',
      });
    }
  }
  return new AppError({
    code: 'NOT_FOUND',
    reason: 'TOKENIZER_MISSING',
    message: `${directory} has no tokenizer.json.`,
    field: 'source',
  });
}
