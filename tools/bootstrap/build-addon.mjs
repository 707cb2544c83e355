// Compiles the Node-API addon of a workspace package, when it has to: shared by the packages that have one.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnStep } from './children.mjs';

const NOT_IN_THE_ADDON = new Set(['test', 'bench']);

/** The addon's C++ sources, relative to the package `root`, in a stable order. */
export function addonSources(root) {
  return readdirSync(join(root, 'native'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.cc'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => !path.split('/').some((part) => NOT_IN_THE_ADDON.has(part)))
    .sort();
}

/** Files that decide what the binary is, relative to the package. */
function inputFiles({ root }) {
  const below = (folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)));
  const sources = below('native').filter((path) => !/[/\\](test|bench)[/\\]/.test(path));
  return ['binding.gyp', ...below('gyp'), ...sources].sort();
}

/** Compiler and header versions: other ones make another binary. */
function toolchain({ root, title }) {
  const require = createRequire(join(root, 'package.json'));
  const compiler = process.env.CXX ?? 'g++';
  const found = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
  if (found.status !== 0) {
    throw new Error(`The ${title} is compiled on this machine, and ${compiler} was not found: install g++ and make.`);
  }
  const versions = ['node-addon-api', 'node-api-headers', 'node-gyp'].map(
    (name) => require(`${name}/package.json`).version,
  );
  return [process.platform, process.arch, found.stdout, process.env.CXXFLAGS ?? '', ...versions].join('\n');
}

function contentHash(addon) {
  const hash = createHash('sha256').update(toolchain(addon));
  for (const path of inputFiles(addon)) hash.update(`\n${path}\n`).update(readFileSync(join(addon.root, path)));
  return hash.digest('hex');
}

/** node-gyp needs a newer Node than the one the workspace may be bootstrapped with. */
function nodeForGyp(require) {
  try {
    return join(dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)), 'bin', 'node');
  } catch {
    return process.execPath;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Two builds in one folder would spoil each other: the second waits for the first. */
async function withLock({ root }, work) {
  const lockPath = join(root, 'build', 'build.lock');
  mkdirSync(dirname(lockPath), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!isAlive(Number(readFileSync(lockPath, 'utf8')))) rmSync(lockPath, { force: true });
      else await sleep(200);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lockPath, { force: true });
  }
}

/** node-gyp takes npm's settings from the environment over its own arguments: a user's `nodedir` would win over ours. */
function gypEnvironment() {
  const isSetting = (name) => /^npm_(config|package_config_node_gyp)_/i.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isSetting(name)));
}

/** Runs node-gyp, calling `onCompiled(path)` for each object file; rejects with the compiler's words. */
async function runGyp({ root, title }, onCompiled) {
  const require = createRequire(join(root, 'package.json'));
  const jobs = String(Math.min(availableParallelism(), 8));
  const gyp = join(dirname(require.resolve('node-gyp/package.json')), 'bin', 'node-gyp.js');
  const args = [gyp, 'configure', 'build', `--nodedir=${join(root, 'gyp')}`, '--loglevel=error', '--jobs', jobs];
  const child = spawnStep(nodeForGyp(require), args, {
    cwd: root,
    env: gypEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  const collect = (line) => {
    const compiled = /^ +CXX\(target\) .*obj\.target\/[^/]+\/(.*)\.o$/.exec(line);
    if (compiled) onCompiled(compiled[1]);
    else output.push(line);
  };
  const readers = [child.stdout, child.stderr].map((input) => createInterface({ input }).on('line', collect));
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  for (const reader of readers) reader.close();
  if (status !== 0) throw new Error(`Compiling the ${title} failed.\n${output.slice(-60).join('\n')}`);
}

function stampPathOf(root, name) {
  return join(root, 'build', `${name}.stamp`);
}

/** Puts the linked binary in its place in one move: processes that use the old one, or start meanwhile, are not disturbed. */
function install({ root, name }, hash) {
  const addonPath = join(root, 'build', `${name}.node`);
  const fresh = `${addonPath}.new`;
  copyFileSync(join(root, 'build', 'Release', `${name}.node`), fresh);
  rmSync(stampPathOf(root, name), { force: true });
  renameSync(fresh, addonPath);
  writeFileSync(stampPathOf(root, name), hash);
}

/**
 * Compiles the addon unless the binary of exactly these sources, flags and tools is there already. Needs g++, make
 * and python3, and no network. Leaves `build/<name>.node` in the package.
 *
 * @param {{ root: string, name: string, title: string }} addon the package's folder, the target of its binding.gyp,
 *   and what to call it in messages.
 * @param {{ onProgress?: (done: number, total: number, file: string) => void }} [options] progress by object file; an
 *   incremental build compiles fewer than `total`.
 * @returns {Promise<{ path: string, built: boolean }>}
 */
export async function buildAddon(addon, { onProgress = () => {} } = {}) {
  const path = join(addon.root, 'build', `${addon.name}.node`);
  const stampPath = stampPathOf(addon.root, addon.name);
  const hash = contentHash(addon);
  const upToDate = () => existsSync(path) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === hash;
  if (upToDate()) return { path, built: false };
  return withLock(addon, async () => {
    if (upToDate()) return { path, built: false };
    const total = addonSources(addon.root).length;
    let done = 0;
    await runGyp(addon, (file) => onProgress(++done, total, file));
    install(addon, hash);
    return { path, built: true };
  });
}

/** What a package's `native:build` script does: builds, says what it did, and sets the exit code. */
export async function buildAddonFromCommandLine(addon) {
  const started = Date.now();
  try {
    const { path, built } = await buildAddon(addon, {
      onProgress: (done, total, file) => console.log(`[${String(done).padStart(2)}/${total}] ${file}`),
    });
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    console.log(`${relative(process.cwd(), path)} ${built ? `built in ${seconds} s` : 'is up to date'}`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
