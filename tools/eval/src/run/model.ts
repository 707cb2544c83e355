import type { TokenizerFiles } from '@longhaul/inference';
import { longhaulHome } from '@longhaul/embedded';
import {
  CHAT_TEMPLATE_FILE,
  prepareModel,
  readPackageFile,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
  type ModelPackage,
  type WeightScheme,
} from '@longhaul/model';
import { NEEDLE_3M } from '@longhaul/testing';

/** Checkpoints that come with this repository. */
const SHIPPED: Readonly<Record<string, string>> = { 'needle-3m': NEEDLE_3M };

/** Fetches and imports a model where that was not done before. @throws AppError as `prepareModel` */
export function openModel(name: string, weights: WeightScheme): Promise<ModelPackage> {
  const source = Object.hasOwn(SHIPPED, name) ? (SHIPPED[name] ?? name) : name;
  return prepareModel(source, { home: longhaulHome(), weights });
}

/** The tokenizer files of a package, compared with their digests. */
export async function tokenizerFilesOf(model: ModelPackage): Promise<TokenizerFiles> {
  const template = Object.hasOwn(model.manifest.files, CHAT_TEMPLATE_FILE)
    ? await readPackageFile(model, CHAT_TEMPLATE_FILE)
    : null;
  return {
    tokenizerJson: await readPackageFile(model, TOKENIZER_FILE),
    tokenizerConfigJson: await readPackageFile(model, TOKENIZER_CONFIG_FILE),
    chatTemplate: template === null ? null : new TextDecoder().decode(template),
  };
}
