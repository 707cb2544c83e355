import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from '@longhaul/files';
import { AppError, invalidArgument } from '@longhaul/kernel';
import { lockDirectory } from '@longhaul/kv-native';
import { loadEngine, type Engine } from '@longhaul/engine-native';
import { readTokenizerFiles } from '@longhaul/decode-worker';
import { longhaulHome } from '@longhaul/embedded';
import { artefactKinds, type ArtefactContent } from '@longhaul/attention';
import { writeArtefacts, type ModelPackage } from '@longhaul/model';
import { createTokenizer } from '@longhaul/tokenizer';
import { artefactContents } from '../calibrate/artefact-contents.js';
import { CALIBRATION_FLAGS, calibrationOptions, type CalibrationOptions } from '../calibrate/calibration-options.js';
import { CalibrationRecord, type CalibrationSettings } from '../calibrate/calibration-record.js';
import { importedGates } from '../calibrate/import-gates.js';
import { measureSamples } from '../calibrate/measure-samples.js';
import { samplePlans } from '../calibrate/sample-plan.js';
import { SampleTokens } from '../calibrate/sample-tokens.js';
import { parseFlags, type Flags } from '../flags.js';
import { table } from '../kv/print.js';
import { prepareWithProgress, weightScheme } from '../model-source.js';
import { progressBar } from '../progress-bar.js';

export const CALIBRATE_HELP = `longhaul model calibrate <package> [--methods heads,labels,thresholds] [--tokens 4096] [--samples 4] [--text FILE]
                                        [--gates copies|early-mass] [--stride 4|8|16] [--recall 0.95] [--weights f32|int8|int4]
longhaul model calibrate <package> --import-heads full_attention_heads.tsv
  Measures what attention policies need to know of a model, and puts it into the package: gates of heads, label channels, thresholds
  of block selection. A package is a directory, or a name as \`prepare\` takes it. What was ended is gone on with by the same command.`;

/** `longhaul model calibrate`: the package and what it has now on stdout, progress on stderr. */
export async function calibrateCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, [...CALIBRATION_FLAGS, 'weights', 'import-heads']);
  const [name, extra] = flags.words;
  if (name === undefined || extra !== undefined)
    throw invalidArgument('arguments', `Exactly one package is needed.\n${CALIBRATE_HELP}`);
  const model = await prepareWithProgress(name, weightScheme(flags.values['weights']));
  const pattern = flags.values['import-heads'];
  const calibrated = pattern === undefined ? await calibrate(model, flags) : await importHeads(model, pattern, flags);
  say(calibrated.model, calibrated.contents);
}

interface Calibrated {
  readonly model: ModelPackage;
  readonly contents: readonly ArtefactContent[];
}

async function importHeads(model: ModelPackage, pattern: string, flags: Flags): Promise<Calibrated> {
  const other = CALIBRATION_FLAGS.find((flag) => flags.values[flag] !== undefined);
  if (other !== undefined)
    throw invalidArgument(`--${other}`, `--${other} is for what is measured; with --import-heads nothing is.`);
  const contents = [importedGates(pattern, model.manifest)];
  return withLock(model, async () => ({ model: await writeArtefacts(model.dir, contents), contents }));
}

async function calibrate(model: ModelPackage, flags: Flags): Promise<Calibrated> {
  const options = calibrationOptions(flags, model.manifest.contextLength);
  return withLock(model, async (folder) => {
    const engine = await loadEngine();
    const record = new CalibrationRecord(folder, await settingsOf(options, engine));
    await measure({ model, options, engine, record });
    const contents = artefactContents(options, model.manifest, record);
    const written = await writeArtefacts(model.dir, contents);
    record.remove();
    return { model: written, contents };
  });
}

/** What is measured is bits: another build, or other kernels, may have others. */
async function settingsOf(options: CalibrationOptions, engine: Engine): Promise<CalibrationSettings> {
  const { methods, text, ...numbers } = options;
  const kernels = JSON.stringify(engine.forcedKernels ?? {});
  return { ...numbers, methods: methods.join(','), text: text?.digest ?? '', build: await engine.buildId(), kernels };
}

interface MeasureParts {
  readonly model: ModelPackage;
  readonly options: CalibrationOptions;
  readonly engine: Engine;
  readonly record: CalibrationRecord;
}

async function measure({ model, options, engine, record }: MeasureParts): Promise<void> {
  const tokenizer = createTokenizer(await readTokenizerFiles(model));
  const bar = progressBar(`Calibrating ${model.manifest.name}`, (tokens) => `${Math.round(tokens)} tokens`);
  await measureSamples({
    ...{ engine, model, record, plans: samplePlans(options, model.manifest), threads: availableParallelism() },
    tokens: new SampleTokens(tokenizer, model.manifest, options.text),
    onProgress: (done, total) => bar.update(done, total),
  }).finally(() => bar.finish());
}

/** One process at a time for each model. */
async function withLock<T>({ manifest }: ModelPackage, run: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(longhaulHome(), 'calibrations', manifest.fingerprint.slice(0, 32));
  await makeDirectory(folder);
  const release = await lockDirectory(folder).catch((error: unknown) => {
    const { reason } = AppError.from(error);
    if (reason !== 'KV_DISK_LOCKED') throw error;
    const message = `Another process is calibrating ${manifest.name}; wait until it has ended.`;
    throw new AppError({ code: 'FAILED_PRECONDITION', reason: 'CALIBRATION_RUNS', message });
  });
  try {
    return await run(folder);
  } finally {
    await release();
  }
}

function say({ dir, manifest }: ModelPackage, contents: readonly ArtefactContent[]): void {
  const made = new Map(contents.map(({ kind, source }) => [kind, source]));
  const rows = artefactKinds.flatMap((kind) => {
    const found = manifest.artefacts?.[kind];
    return found === undefined ? [] : [[kind, found.file, made.get(kind) ?? 'as it was']];
  });
  console.log([dir, ...table(['artefact', 'file', 'from'], rows)].join('\n'));
}
