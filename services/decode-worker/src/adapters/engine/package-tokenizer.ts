import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenizerFiles } from '@longhaul/inference';
import { CHAT_TEMPLATE_FILE, TOKENIZER_CONFIG_FILE, TOKENIZER_FILE, type ModelPackage } from '@longhaul/model';

/** The tokenizer files of a model package. */
export async function readTokenizerFiles({ dir, manifest }: ModelPackage): Promise<TokenizerFiles> {
  const hasTemplate = Object.hasOwn(manifest.files, CHAT_TEMPLATE_FILE);
  const [tokenizerJson, tokenizerConfigJson, chatTemplate] = await Promise.all([
    readFile(join(dir, TOKENIZER_FILE)),
    readFile(join(dir, TOKENIZER_CONFIG_FILE)),
    hasTemplate ? readFile(join(dir, CHAT_TEMPLATE_FILE), 'utf8') : null,
  ]);
  return { tokenizerJson, tokenizerConfigJson, chatTemplate };
}
