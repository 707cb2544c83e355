import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Compiler flags by variant. Sanitized code keeps some optimisation: the vector kernels are hopeless without it. */
const VARIANTS = {
  plain: ['-O2'],
  address: ['-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer'],
  thread: ['-O1', '-g', '-fsanitize=thread'],
};

const POOL = ['kv_arena.cc', 'kv_pool.cc'];
const STEP = [...POOL, 'gate/load_gate.cc', 'step/step_context.cc'];

const isSource = (name) => name.endsWith('.cc');

/** Of attention, with the folders in it. */
const ATTENTION_FOLDERS = ['attention', 'attention/policy', 'attention/probe', 'attention/scoring'];
const ATTENTION = ATTENTION_FOLDERS.flatMap(sourcesIn);

/** Sources that the tests of an area need, where those are not just the sources of its folder. */
const SOURCES_OF = {
  '': [...POOL, 'ops/activation_kernels.cc'],
  attention: [...ATTENTION, ...POOL],
  'attention/probe': [...ATTENTION, ...POOL],
  'attention/scoring': [...ATTENTION, ...POOL],
  step: STEP,
  ops: [...STEP, 'ops/step_problem.cc'],
};

/** Areas whose code builds on that of others. */
const AREAS_BELOW = { kernels: [...ATTENTION_FOLDERS, 'linear'] };

function sourcesIn(folder) {
  return readdirSync(join(root, 'native', folder))
    .filter(isSource)
    .map((name) => join(folder, name));
}

/** Every folder native/<area>/test with its tests; each file there has a main() and is linked with its area. */
function suites() {
  const areas = readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name === 'test')
    .map((entry) => (entry.parentPath ?? entry.path).slice(join(root, 'native').length + 1));
  return areas.sort().map((area) => ({
    tests: sourcesIn(join(area, 'test')),
    sources: SOURCES_OF[area] ?? [area, ...(AREAS_BELOW[area] ?? [])].flatMap(sourcesIn),
  }));
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(`${basename(command)} ended with ${signal ?? status}: ${args.at(-1)}`));
    });
  });
}

/** Runs tasks, as many at a time as there are processors. */
async function inParallel(tasks) {
  const queue = [...tasks];
  const worker = async () => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) await task();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

function objectOf(variant, source) {
  return join('build', 'native-tests', variant, `${source.replaceAll('/', '-')}.o`);
}

async function compile(variant, source) {
  const flags = [
    '-std=gnu++20',
    '-Wall',
    '-Wno-psabi',
    '-Wno-maybe-uninitialized',
    '-pthread',
    '-Inative',
    ...VARIANTS[variant],
  ];
  await run(process.env.CXX ?? 'g++', [...flags, '-c', '-o', objectOf(variant, source), join('native', source)]);
}

async function linkAndRun(variant, test, sources) {
  const binary = objectOf(variant, test).replace(/\.cc\.o$/, '');
  const objects = [test, ...sources].map((source) => objectOf(variant, source));
  await run(process.env.CXX ?? 'g++', [...VARIANTS[variant], '-pthread', '-o', binary, ...objects]);
  console.log(`${variant}: ${test}`);
  // ThreadSanitizer of older compilers does not know the address ranges that newer kernels randomise over.
  if (variant === 'thread') await run('setarch', [process.arch === 'arm64' ? 'aarch64' : 'x86_64', '-R', binary]);
  else await run(binary, []);
}

async function testVariant(variant, filter) {
  const chosen = suites()
    .map(({ tests, sources }) => ({ tests: tests.filter((test) => test.includes(filter)), sources }))
    .filter(({ tests }) => tests.length > 0);
  mkdirSync(join(root, 'build', 'native-tests', variant), { recursive: true });
  const sources = new Set(chosen.flatMap((suite) => [...suite.tests, ...suite.sources]));
  await inParallel([...sources].map((source) => () => compile(variant, source)));
  for (const suite of chosen) for (const test of suite.tests) await linkAndRun(variant, test, suite.sources);
}

const words = process.argv.slice(2);
const variants = words.filter((word) => word in VARIANTS);
const filter = words.find((word) => !(word in VARIANTS)) ?? '';
try {
  for (const variant of variants.length > 0 ? variants : ['plain']) await testVariant(variant, filter);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
