// Kills a process that puts, removes, compacts and checkpoints, at random moments, and looks at what it left:
//   npm run kill9 -w @longhaul/kv-store -- --kills 1000 [--seed 1] [--directory PATH]
// After each kill every acknowledged put must be there with the right bytes, every acknowledged removal must hold, what
// was under way may be either, and nothing else may be there. Exits 1 at the first violation. Needs `npm run build`.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inspectLog, openDiskTier } from '../dist/adapters/disk/index.js';

const KEYS = 400;
const MAX_OBJECT_BYTES = 40_000;
const LONGEST_LIFE_MS = 120;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    directory: { type: 'string' },
    child: { type: 'boolean', default: false },
  },
});

function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

const keyOf = (n) => new Uint8Array(createHash('sha256').update(`key ${n}`).digest());

function objectOf(n) {
  const bytes = new Uint8Array(1 + ((n * 7919) % MAX_OBJECT_BYTES));
  let state = n + 1;
  for (let i = 0; i < bytes.length; i++) bytes[i] = (state = Math.imul(state, 1664525) + 1013904223) >>> 24;
  return bytes;
}

const openTier = (directory) =>
  openDiskTier({
    directory,
    limitBytes: 64 << 20,
    segmentBytes: 256 << 10,
    preallocateBytes: 128 << 10,
    checkpointBytes: 1 << 20,
    syncIntervalMs: 1,
    scrubPerHour: 0,
  });

/** Says what it begins and what has been acknowledged, a line each, until it is killed. */
async function child(directory, random) {
  const say = (line) => writeSync(1, `${line}\n`);
  const tier = await openTier(directory);
  const busy = new Set();
  const one = async () => {
    for (;;) {
      const n = Math.floor(random() * KEYS);
      if (busy.has(n)) continue;
      busy.add(n);
      const put = !tier.has(keyOf(n));
      say(`${put ? 'p' : 'r'} ${n}`);
      await (put ? tier.put(keyOf(n), objectOf(n)) : tier.remove([keyOf(n)]));
      say(`${put ? 'P' : 'R'} ${n}`);
      busy.delete(n);
      if (random() < 0.01) await tier.checkpoint();
    }
  };
  say('ready');
  await Promise.all(Array.from({ length: 8 }, one));
}

/** Runs a child for a while; resolves to its lines. */
async function runAndKill(directory, random) {
  const words = [fileURLToPath(import.meta.url), '--child', '--directory', directory];
  const process_ = spawn(process.execPath, [...words, '--seed', String(Math.floor(random() * 2 ** 31))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let timer;
  const kill = () => process_.kill('SIGKILL');
  // Now and then before it is ready: in the middle of recovery.
  if (random() < 0.1) timer = setTimeout(kill, 20 + random() * 150);
  process_.stdout.on('data', (data) => {
    text += data;
    if (timer === undefined && text.startsWith('ready')) timer = setTimeout(kill, random() * LONGEST_LIFE_MS);
  });
  const signal = await new Promise((resolve) => process_.on('close', (_code, name) => resolve(name)));
  clearTimeout(timer);
  if (signal !== 'SIGKILL') throw new Error('the child ended by itself');
  return text.split('\n').filter((line) => /^[prPR] \d+$/.test(line));
}

/** Takes the lines into the model: what is there for certain, and what is open. */
function account(lines, model) {
  for (const line of lines) {
    const n = Number(line.slice(2));
    if (line[0] === 'p' || line[0] === 'r') model.open.add(n);
    else {
      model.open.delete(n);
      if (line[0] === 'P') model.present.add(n);
      else model.present.delete(n);
    }
  }
}

/** What is in the log, by number; reads every byte of it. */
async function found(directory, throughTier, numbers) {
  const present = new Set();
  if (!throughTier) {
    const listing = await inspectLog(directory);
    if (listing.report.lostRecords > 0) throw new Error(`${listing.report.lostRecords} records are damaged`);
    for (const item of listing.items) {
      if (item.kind !== 'record' || item.state !== 'live') continue;
      present.add(numbers.get(Buffer.from(item.key).toString('hex')));
    }
    return present;
  }
  const tier = await openTier(directory);
  for (const { key, bytes } of tier.entries()) {
    const n = numbers.get(Buffer.from(key).toString('hex'));
    if (Buffer.compare(await tier.read(key, 0, bytes), objectOf(n)) !== 0) throw new Error(`object ${n} is wrong`);
    present.add(n);
  }
  await tier.close();
  return present;
}

function compare(present, model) {
  for (let n = 0; n < KEYS; n++) {
    if (model.open.has(n) || present.has(n) === model.present.has(n)) continue;
    throw new Error(present.has(n) ? `object ${n} is back after its removal` : `acknowledged object ${n} is lost`);
  }
  if (present.has(undefined)) throw new Error('there is an object that nobody put');
  model.present = present;
  model.open.clear();
}

async function parent() {
  const kills = Number(values.kills);
  const directory = values.directory ?? mkdtempSync(join(tmpdir(), 'longhaul-kill9-'));
  const random = seeded(Number(values.seed));
  const numbers = new Map(Array.from({ length: KEYS }, (_, n) => [Buffer.from(keyOf(n)).toString('hex'), n]));
  const model = { present: new Set(), open: new Set() };
  const started = Date.now();
  let operations = 0;
  for (let kill = 1; kill <= kills; kill++) {
    const lines = await runAndKill(directory, random);
    operations += lines.filter((line) => /^[PR]/.test(line)).length;
    account(lines, model);
    try {
      compare(await found(directory, random() < 0.5, numbers), model);
    } catch (error) {
      throw new Error(`kill ${kill} (seed ${values.seed}, log in ${directory}): ${error.message}`, { cause: error });
    }
    if (kill % 100 === 0) console.error(`${kill} kills, ${Math.round((Date.now() - started) / 1000)} s`);
  }
  if (values.directory === undefined) rmSync(directory, { recursive: true, force: true });
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(JSON.stringify({ kills, acknowledged: operations, violations: 0, seconds }));
}

try {
  if (values.child) await child(values.directory, seeded(Number(values.seed)));
  else await parent();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
