import { spawn, spawnSync } from 'node:child_process';
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
import { fileURLToPath } from 'node:url';
import { addonSources } from './list-sources.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const addonPath = join(root, 'build', 'longhaul_engine.node');
const stampPath = join(root, 'build', 'longhaul_engine.stamp');
const lockPath = join(root, 'build', 'build.lock');

/** Files that decide what the binary is, relative to the package. */
function inputFiles() {
  const below = (folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)));
  const sources = below('native').filter((path) => !/[/\\](test|bench)[/\\]/.test(path));
  return ['binding.gyp', ...below('gyp'), ...sources].sort();
}

/** Compiler and header versions: other ones make another binary. */
function toolchain() {
  const compiler = process.env.CXX ?? 'g++';
  const found = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
  if (found.status !== 0) {
    throw new Error(
      `The native engine is compiled on this machine, and ${compiler} was not found: install g++ and make.`,
    );
  }
  const versions = ['node-addon-api', 'node-api-headers', 'node-gyp'].map(
    (name) => require(`${name}/package.json`).version,
  );
  return [process.platform, process.arch, found.stdout, process.env.CXXFLAGS ?? '', ...versions].join('\n');
}

function contentHash() {
  const hash = createHash('sha256').update(toolchain());
  for (const path of inputFiles()) hash.update(`\n${path}\n`).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

/** node-gyp needs a newer Node than the one the workspace may be bootstrapped with. */
function nodeForGyp() {
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
async function withLock(work) {
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
async function runGyp(onCompiled) {
  const jobs = String(Math.min(availableParallelism(), 8));
  const gyp = join(dirname(require.resolve('node-gyp/package.json')), 'bin', 'node-gyp.js');
  const args = [gyp, 'configure', 'build', `--nodedir=${join(root, 'gyp')}`, '--loglevel=error', '--jobs', jobs];
  const child = spawn(nodeForGyp(), args, { cwd: root, env: gypEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  const collect = (line) => {
    const compiled = /^ +CXX\(target\) .*obj\.target\/[^/]+\/(.*)\.o$/.exec(line);
    if (compiled) onCompiled(compiled[1]);
    else output.push(line);
  };
  const readers = [child.stdout, child.stderr].map((input) => createInterface({ input }).on('line', collect));
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  for (const reader of readers) reader.close();
  if (status !== 0) throw new Error(`Compiling the native engine failed.\n${output.slice(-60).join('\n')}`);
}

/** Puts the linked binary in its place in one move: processes that use the old one, or start meanwhile, are not disturbed. */
function install(hash) {
  const fresh = `${addonPath}.new`;
  copyFileSync(join(root, 'build', 'Release', 'longhaul_engine.node'), fresh);
  rmSync(stampPath, { force: true });
  renameSync(fresh, addonPath);
  writeFileSync(stampPath, hash);
}

/**
 * Compiles the addon unless the binary of exactly these sources, flags and tools is there already. Needs g++, make
 * and python3, and no network.
 *
 * @param {{ onProgress?: (done: number, total: number, file: string) => void }} [options] progress by object file; an
 *   incremental build compiles fewer than `total`.
 * @returns {Promise<{ path: string, built: boolean }>}
 */
export async function buildAddon({ onProgress = () => {} } = {}) {
  const hash = contentHash();
  const upToDate = () => existsSync(addonPath) && existsSync(stampPath) && readFileSync(stampPath, 'utf8') === hash;
  if (upToDate()) return { path: addonPath, built: false };
  return withLock(async () => {
    if (upToDate()) return { path: addonPath, built: false };
    const total = addonSources().length;
    let done = 0;
    await runGyp((file) => onProgress(++done, total, file));
    install(hash);
    return { path: addonPath, built: true };
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = Date.now();
  try {
    const { path, built } = await buildAddon({
      onProgress: (done, total, file) => console.log(`[${String(done).padStart(2)}/${total}] ${file}`),
    });
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    console.log(`${relative(process.cwd(), path)} ${built ? `built in ${seconds} s` : 'is up to date'}`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
