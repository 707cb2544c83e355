import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { corrupt } from './checkpoint-errors.js';
import type { TokenizerFiles } from './checkpoint.js';
import { foreignFile } from './foreign-file.js';
import { isJsonObject, parseJsonObject } from './json-object.js';
import { readWholeFile } from './regular-file.js';

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
  const tokenizerJson = await readWholeFile(join(directory, 'tokenizer.json'), 'tokenizer');
  if (!tokenizerJson) throw await tokenizerMissing(directory);
  parseJsonObject('tokenizer.json', tokenizerJson);
  const configName = 'tokenizer_config.json';
  const tokenizerConfigJson =
    (await readWholeFile(join(directory, configName), 'tokenizerConfig')) ?? new TextEncoder().encode('{}');
  const config = parseJsonObject(configName, tokenizerConfigJson);
  const template = await readWholeFile(join(directory, 'chat_template.jinja'), 'chatTemplate');
  const chatTemplate = template ? decodeTemplate(template) : templateOf(config['chat_template']);
  return { tokenizerJson, tokenizerConfigJson, chatTemplate };
}

function decodeTemplate(bytes: Uint8Array): string {
  // Any text is a template: nothing later would tell.
  const foreign = foreignFile(bytes);
  if (foreign !== null) throw corrupt('chat_template.jinja', `${foreign}.`);
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
    const there = (await lstat(join(directory, name)).catch(() => null)) !== null;
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
