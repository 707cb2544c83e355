import type { TokenizerFiles } from '@longhaul/inference';
import {
  CHAT_TEMPLATE_FILE,
  readPackageFile,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
  type ModelPackage,
} from '@longhaul/model';

/** The tokenizer files of a model package, compared with their digests. */
export async function readTokenizerFiles(modelPackage: ModelPackage): Promise<TokenizerFiles> {
  const hasTemplate = Object.hasOwn(modelPackage.manifest.files, CHAT_TEMPLATE_FILE);
  const [tokenizerJson, tokenizerConfigJson, chatTemplate] = await Promise.all([
    readPackageFile(modelPackage, TOKENIZER_FILE),
    readPackageFile(modelPackage, TOKENIZER_CONFIG_FILE),
    hasTemplate ? readPackageFile(modelPackage, CHAT_TEMPLATE_FILE) : null,
  ]);
  return {
    tokenizerJson,
    tokenizerConfigJson,
    chatTemplate: chatTemplate === null ? null : new TextDecoder().decode(chatTemplate),
  };
}
