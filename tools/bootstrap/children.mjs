// Child processes that never outlive the program that started them.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const END_WITH_PARENT = fileURLToPath(new URL('./end-with-parent.mjs', import.meta.url));
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** How often it is looked whether npm is still there. */
const PARENT_CHECK_MS = 500;

/** Read at once: a parent that ends later leaves another one behind. */
const PARENT = process.ppid;

/** What a stop signal is passed on to: functions that take its name. */
const receivers = new Set();
let watching = false;

/**
 * Spawns a child that is told of every stop signal that this process gets, and whose own children are told, too. It
 * has no terminal to read from.
 */
export function spawnStep(command, args, options) {
  const child = spawn(command, args, { ...options, detached: true });
  register(child, (signal) => killGroup(child, signal));
  return child;
}

/**
 * Replaces this process by a Node program for all practical purposes: same terminal, signals passed on, same exit code.
 * The child has a channel to this process, which closes when this process is killed in a way that it cannot pass on.
 *
 * @param {string} node the runtime.
 * @param {readonly string[]} args flags of Node, the program and its words.
 */
export function become(node, args) {
  const child = spawn(node, ['--import', END_WITH_PARENT, ...args], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  register(child, (signal) => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`cannot start ${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(exitCodeOf(code, signal)));
}

/** As shells have it: a child that a signal ended counts as 128 and its number. */
export function exitCodeOf(code, signal) {
  return signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1);
}

function register(child, receive) {
  receivers.add(receive);
  child.once('exit', () => receivers.delete(receive));
  if (watching) return;
  watching = true;
  for (const signal of STOP_SIGNALS) process.on(signal, () => passOn(signal));
  watchNpm(() => passOn('SIGTERM'));
}

/** Without anybody to tell, the signal means what it always means. */
function passOn(signal) {
  if (receivers.size === 0) process.exit(exitCodeOf(null, signal));
  for (const receive of receivers) receive(signal);
}

/**
 * npm passes SIGINT and SIGTERM on to its script, but dies of SIGHUP, and of SIGKILL, without a word. What it leaves
 * behind gets another parent. A script that the user started in another way may outlive its parent, as with nohup.
 */
function watchNpm(onGone) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const timer = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(timer);
    onGone();
  }, PARENT_CHECK_MS);
  timer.unref();
}

function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
