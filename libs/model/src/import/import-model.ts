import { createHash } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import { AppError } from '@longhaul/kernel';
import { probeTokenizer } from '@longhaul/text-sandbox';
import type { Checkpoint, TokenizerFiles } from '../checkpoint/checkpoint.js';
import { diskError } from '../checkpoint/disk-error.js';
import { assertRoom } from '../checkpoint/disk-room.js';
import { openCheckpoint } from '../checkpoint/open-checkpoint.js';
import { identifySource, type SourceIdentity } from '../checkpoint/source-identity.js';
import { decoderFacts, type ModelSpec } from '../config/model-spec.js';
import { parseConfig } from '../config/parse-config.js';
import { planWeights } from '../graph/plan-weights.js';
import { buildGraph } from '../graph/build-graph.js';
import { layoutWeights, type WeightLayout } from '../graph/weight-layout.js';
import type { WeightPlan } from '../graph/weight-plan.js';
import { PACKAGE_VERSION, type ModelManifest, type WeightScheme } from '../manifest.js';
import { fingerprintManifest } from '../package/fingerprint.js';
import { checkModelName } from '../package/model-name.js';
import { parseManifest } from '../package/open-package.js';
import {
  CHAT_TEMPLATE_FILE,
  MANIFEST_FILE,
  TOKENIZER_CONFIG_FILE,
  TOKENIZER_FILE,
  WEIGHTS_FILE,
  WEIGHTS_INDEX_FILE,
} from '../package/package-files.js';
import { PackageWriter } from '../package/package-writer.js';
import { encodeWeightIndex } from '../package/weight-index.js';
import { checkTokenizer } from './check-tokenizer.js';
import { generationDefaults } from './generation-defaults.js';
import { tokenizerFacts } from './tokenizer-facts.js';
import { writeWeights } from './write-weights.js';

export interface ImportProgress {
  /** Bytes of the weights file written so far, and when it is complete. */
  doneBytes: number;
  totalBytes: number;
}

export interface ImportOptions {
  /** A Hugging Face directory or a GGUF file. */
  source: string;
  /** Directory of the package; must not exist. */
  out: string;
  weights: WeightScheme;
  /** Name of the model as clients say it; the last part of `out` by default. */
  name?: string;
  onProgress?: (progress: ImportProgress) => void;
  signal?: AbortSignal;
}

/** What is done beside writing a package from an open checkpoint. */
interface ImportSteps {
  /** Awaited when all is written and before the package is visible; what it throws ends the import. */
  beforeCommit?: () => Promise<void>;
}

/** Everything decided before the first byte is written. */
interface ImportPlan {
  spec: ModelSpec;
  plans: readonly WeightPlan[];
  layout: WeightLayout;
  tokenizerFiles: TokenizerFiles;
  tokenizer: ModelManifest['tokenizer'];
  generation: ModelManifest['generation'];
}

async function planImport(checkpoint: Checkpoint, weights: WeightScheme): Promise<ImportPlan> {
  const spec = parseConfig(checkpoint.config);
  const plans = planWeights(spec, checkpoint.tensors, weights);
  const { vocabSize } = spec.shape;
  const checked = checkTokenizer(await checkpoint.tokenizerFiles(), vocabSize);
  const sha256 = createHash('sha256').update(checked.files.tokenizerJson).digest('hex');
  const tokenizer = { sha256, ...tokenizerFacts(checkpoint, checked, vocabSize) };
  const generation = generationDefaults(checkpoint.generationConfig, vocabSize);
  const layout = layoutWeights(plans);
  // As a server builds it: what it would refuse is refused here.
  buildGraph({ ...spec, decoder: decoderFacts(spec) }, layout.weights);
  await probeTokenizer(checked.files);
  return { spec, plans, layout, tokenizerFiles: checked.files, tokenizer, generation };
}

async function writeSmallFiles(writer: PackageWriter, { layout, tokenizerFiles }: ImportPlan): Promise<void> {
  const files: [string, Uint8Array][] = [
    [WEIGHTS_INDEX_FILE, encodeWeightIndex(layout.weights)],
    [TOKENIZER_FILE, tokenizerFiles.tokenizerJson],
    [TOKENIZER_CONFIG_FILE, tokenizerFiles.tokenizerConfigJson],
  ];
  if (tokenizerFiles.chatTemplate !== null) files.push([CHAT_TEMPLATE_FILE, Buffer.from(tokenizerFiles.chatTemplate)]);
  for (const [name, bytes] of files) await writer.write(name, (file) => file.append(bytes));
}

async function writePackage(
  writer: PackageWriter,
  checkpoint: Checkpoint,
  options: ImportOptions,
): Promise<ModelManifest> {
  const plan = await planImport(checkpoint, options.weights);
  const { spec, plans, layout } = plan;
  const totalBytes = layout.bytes;
  await assertRoom(dirname(resolve(options.out)), totalBytes, 'The model package');
  await writeSmallFiles(writer, plan);
  const weightsFile = await writer.write(WEIGHTS_FILE, (file) =>
    writeWeights(file, {
      checkpoint,
      plans,
      layout,
      onProgress: (doneBytes) => options.onProgress?.({ doneBytes, totalBytes }),
      signal: options.signal,
    }),
  );
  options.onProgress?.({ doneBytes: totalBytes, totalBytes });
  const manifest: Omit<ModelManifest, 'fingerprint'> = {
    format: 'longhaul-model',
    version: PACKAGE_VERSION,
    name: nameOf(options),
    family: spec.family,
    shape: spec.shape,
    ropeClasses: spec.ropeClasses,
    layerAttention: spec.layerAttention,
    decoder: decoderFacts(spec),
    contextLength: spec.contextLength,
    weights: { scheme: options.weights, ...weightsFile },
    tokenizer: plan.tokenizer,
    generation: plan.generation,
    files: writer.files,
    createdUnixS: Math.floor(Date.now() / 1000),
    source: basename(resolve(options.source)),
  };
  // By the reader's own check: what it would refuse is refused here.
  return parseManifest({ ...manifest, fingerprint: fingerprintManifest(manifest) }, MANIFEST_FILE);
}

function nameOf({ name, out }: ImportOptions): string {
  return checkModelName(name ?? basename(resolve(out)));
}

const translated = (error: unknown): unknown => diskError(error, 'The model package', 'PACKAGE_NOT_WRITABLE');

/**
 * Imports a checkpoint: writes a model package at `out`, whole or not at all. Weights are streamed, so memory stays
 * far under the checkpoint's size.
 *
 * @param identity of the source as the caller found it; taken now by default.
 * @throws AppError of the checkpoint reader, of {@link parseConfig}, {@link planWeights} and {@link probeTokenizer},
 * `PACKAGE_EXISTS`, `PACKAGE_NOT_WRITABLE`, `DISK_FULL`, `TENSOR_NOT_FINITE`, `SOURCE_CHANGED` when a file of the source changed meanwhile, or
 * `CANCELLED` when `signal` aborts.
 */
export async function importModel(options: ImportOptions, identity?: SourceIdentity): Promise<ModelManifest> {
  const before = identity ?? (await identifySource(options.source));
  const checkpoint = await openCheckpoint(options.source);
  try {
    return await importCheckpoint(checkpoint, options, {
      beforeCommit: async () => {
        if ((await identifySource(options.source)).stamp !== before.stamp) throw sourceChanged(options.source);
      },
    });
  } finally {
    await checkpoint.close();
  }
}

function sourceChanged(source: string): AppError {
  return new AppError({
    code: 'ABORTED',
    reason: 'SOURCE_CHANGED',
    message: `${source} changed while it was imported; nothing was kept. Import it again when whatever writes it has finished.`,
    field: 'source',
    retry: 'same',
  });
}

/** As {@link importModel}, from a checkpoint that the caller has opened and will close. */
export async function importCheckpoint(
  checkpoint: Checkpoint,
  options: ImportOptions,
  { beforeCommit }: ImportSteps = {},
): Promise<ModelManifest> {
  nameOf(options);
  const writer = await PackageWriter.create(options.out).catch((error: unknown) => {
    throw translated(error);
  });
  try {
    const manifest = await writePackage(writer, checkpoint, options);
    await beforeCommit?.();
    await writer.commit(manifest);
    return manifest;
  } catch (error) {
    await writer.discard();
    if (options.signal?.aborted === true && error === options.signal.reason) {
      throw new AppError({
        code: 'CANCELLED',
        reason: 'CANCELLED',
        message: 'The import was cancelled.',
        cause: error,
      });
    }
    throw translated(error);
  }
}
