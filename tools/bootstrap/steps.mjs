// The steps between a fresh clone and a program that runs. Plain JavaScript for Node 20 or newer: nothing is installed
// or compiled yet when this runs.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildAddon } from './build-addon.mjs';
import { exitCodeOf, spawnStep } from './children.mjs';

export { become } from './children.mjs';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const STAMP = join(ROOT, 'node_modules', '.longhaul-install');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');

const PLATFORM = `${process.platform}-${process.arch}`;
/** What the bootstrap itself needs, and what our dependencies need where no pinned runtime fits the platform. */
const MIN_NODE = 20;
const MIN_NODE_ALONE = 22;

function hasPinnedRuntime() {
  const { optionalDependencies = {} } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return Object.hasOwn(optionalDependencies, `node-${PLATFORM}`);
}

/** The pinned runtime if it is installed for this platform, else the Node that runs this. */
export function runtime() {
  return existsSync(NODE) ? NODE : process.execPath;
}

function sha256(path) {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Runs a long step with a line that shows it is alive; its output is shown only when it fails. */
async function runStep(title, command, args, env = {}) {
  const started = Date.now();
  const child = spawnStep(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  child.stdout.on('data', (data) => output.push(data));
  child.stderr.on('data', (data) => output.push(data));
  const line = () => `${title} ... ${Math.round((Date.now() - started) / 1000)} s`;
  const timer = process.stderr.isTTY ? setInterval(() => process.stderr.write(`\r${line()}`), 500) : null;
  if (!timer) process.stderr.write(`${title} ...\n`);
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve(exitCodeOf(status, signal)));
  });
  if (timer) clearInterval(timer);
  process.stderr.write(`${timer ? '\r' : ''}${line()}: ${code === 0 ? 'done' : 'failed'}\n`);
  if (code !== 0) {
    process.stderr.write(Buffer.concat(output));
    process.exit(code);
  }
}

/** Installs the packages of the lock file, unless just these are installed. */
export async function ensureDependencies() {
  const want = sha256(join(ROOT, 'package-lock.json'));
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === want) return;
  // The CPU library is inside the package; its install script would fetch CUDA libraries from elsewhere.
  const env = { ONNXRUNTIME_NODE_INSTALL: 'skip' };
  // Not `npm ci`: it refuses a lock file that lacks the packages of platforms which the registry at hand does not carry.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  await runStep('Installing packages (about 1 GB)', 'npm', args, env);
  writeFileSync(STAMP, want);
}

/** Compiles TypeScript; a build that is up to date takes a second or two. */
export async function ensureBuild() {
  await runStep('Compiling TypeScript', runtime(), [join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b']);
}

const ADDONS = ['engine-native', 'kv-native'];

/** Compiles the native addons whose sources have changed. */
export async function ensureAddons() {
  for (const name of ADDONS) await ensureAddon(join(ROOT, 'libs', name, 'scripts', 'build-addon.mjs'));
}

async function ensureAddon(script) {
  const { addon } = await import(pathToFileURL(script).href);
  const line = `Compiling the ${addon.title} ...`;
  const terminal = process.stderr.isTTY;
  let shown = false;
  try {
    await buildAddon(addon, {
      onProgress(done, total) {
        if (!shown && !terminal) process.stderr.write(`${line}\n`);
        shown = true;
        if (terminal) process.stderr.write(`\r${line} ${done} of ${total}`);
      },
    });
  } catch (error) {
    fail(`${shown && terminal ? '\n' : ''}${error.message}`);
  }
  if (shown && terminal) process.stderr.write('\n');
}

export async function prepare() {
  checkMachine();
  await ensureDependencies();
  await ensureAddons();
  await ensureBuild();
}

/** Says what is missing before a step fails for the want of it. */
function checkMachine() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < MIN_NODE) fail(`Node ${process.versions.node} is too old: ${MIN_NODE} or newer is needed.`);
  if (!hasPinnedRuntime() && major < MIN_NODE_ALONE) {
    fail(
      `There is no Node package for ${PLATFORM} among our dependencies, so your own Node runs everything: ` +
        `${MIN_NODE_ALONE} or newer is needed, this is ${process.versions.node}.`,
    );
  }
  for (const [command, why] of [
    ['make', 'the native addon'],
    ['g++', 'the native addon'],
    ['python3', 'the native addon and fetching the default model'],
  ]) {
    if (spawnSync(command, ['--version'], { stdio: 'ignore' }).error)
      fail(`${command} was not found; ${why} needs it.`);
  }
}

export function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
