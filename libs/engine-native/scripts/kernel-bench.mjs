// Compiles native/bench with the kernels it measures, unless just these sources are compiled, and runs it with the words
// given: see native/bench/kernel_bench.cc. Flags as in binding.gyp, so that the code is the addon's.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const output = join(root, 'build', 'kernel-bench');
const binary = join(output, 'kernel_bench');
const stamp = join(output, 'stamp');
const compiler = process.env.CXX ?? 'g++';
const FLAGS = [
  '-std=gnu++20',
  '-O3',
  '-fPIC',
  '-fvisibility=hidden',
  '-Wall',
  '-Wno-psabi',
  '-pthread',
  '-DNDEBUG',
  '-Inative',
];
const FOLDERS = [
  ...['bench', 'cpu', 'linear', 'linear/bench'],
  ...['attention', 'attention/policy', 'attention/probe', 'attention/scoring', 'attention/bench'],
];

function filesIn(extensions) {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(root, 'native', folder))
      .filter((name) => extensions.some((extension) => name.endsWith(extension)))
      .sort()
      .map((name) => join('native', folder, name)),
  );
}

function contentHash() {
  const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
  if (version.error) throw new Error(`The kernels are compiled on this machine, and ${compiler} was not found.`);
  const hash = createHash('sha256').update([version.stdout, ...FLAGS].join('\n'));
  for (const path of filesIn(['.cc', '.h'])) hash.update(`\n${path}\n`).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(signal === null ? status : 128 + constants.signals[signal]));
  });
}

async function compile(args) {
  const status = await run(compiler, [...FLAGS, ...args]);
  if (status !== 0) throw new Error(`${compiler} failed: ${args.at(-1)}`);
}

/** Compiles sources, as many at a time as there are processors. */
async function compileAll(sources) {
  const queue = [...sources];
  const worker = async () => {
    for (let source = queue.shift(); source !== undefined; source = queue.shift())
      await compile(['-c', '-o', objectOf(source), source]);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

const objectOf = (source) => join(output, `${source.replaceAll('/', '-')}.o`);

async function build() {
  const hash = contentHash();
  if (existsSync(binary) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  mkdirSync(output, { recursive: true });
  process.stderr.write('Compiling the kernels and their benchmark ...\n');
  const sources = filesIn(['.cc']);
  await compileAll(sources);
  await compile(['-o', binary, ...sources.map(objectOf)]);
  writeFileSync(stamp, hash);
}

try {
  if (process.arch !== 'x64')
    throw new Error(`Kernels are measured on x86-64 processors; this one is ${process.arch}.`);
  await build();
  process.exitCode = await run(binary, process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
