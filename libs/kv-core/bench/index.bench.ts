/**
 * Memory and speed of the prefix index with a million blocks in chains of 2,048, beside a `Map` of plain objects, each
 * in a process of its own. The store's core runs on this index; `npm run bench:index -w @longhaul/kv-store` measures all
 * of it. Run after a build:
 *
 *     node libs/kv-core/bench/index.bench.ts [--json FILE] [--blocks 1000000]
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type BlockFacts, GdsfPolicy, NO_BLOCK, PrefixIndex } from '../dist/index.js';
import { Random } from '../dist/testing/random.js';

const CHAIN = 2048;
/** Chains that grow at the same time: blocks of one chain do not lie side by side. */
const SESSIONS = 8;
const LOOKUPS = 2000;
const DISK = 1;

interface Figures {
  bytesPerBlock: number;
  bytesPerBlockWithPolicy: number;
  insertsPerSecond: number;
  p50Micros: number;
  p99Micros: number;
}

interface Subject {
  insert(key: Uint8Array, parent: number): number;
  lookup(keys: readonly Uint8Array[]): number;
  /** Bytes of the arrays of an eviction policy over all blocks. */
  policyBytes(): number;
}

const { values } = parseArgs({
  options: { json: { type: 'string' }, blocks: { type: 'string', default: '1000000' }, part: { type: 'string' } },
});
const blocks = Math.ceil(Number(values.blocks) / (SESSIONS * CHAIN)) * SESSIONS * CHAIN;

/** Writes the key of block `n`: the driver must leave no garbage that would count as the index's memory. */
function writeKey(n: number, key: Uint8Array): Uint8Array {
  return new Random(n).fill(key);
}

/** Keys of a chain within one buffer, as they come from a network. */
function chainKeys(first: number): Uint8Array[] {
  const buffer = new Uint8Array(32 * CHAIN);
  return Array.from({ length: CHAIN }, (_, n) => writeKey(first + n, buffer.subarray(32 * n, 32 * n + 32)));
}

function ours(): Subject {
  const index = new PrefixIndex({ maxBlocks: blocks, seed: 1 });
  const facts: BlockFacts = {
    ...{ namespace: 0, deployEpoch: 0, quality: 1, bytes: 8 << 20, recomputeMicros: 5000, firstBlock: 0 },
    ...{ blockTokens: 64, headBytes: 8192, headCrc32c: 0, expiresS: 0 },
  };
  return {
    insert: (key, parent) => {
      const block = index.ensure(key);
      index.describe(block, facts);
      if (parent !== NO_BLOCK) index.link(block, index.keyOf(parent));
      index.setTier(block, DISK, true);
      return block;
    },
    lookup: (keys) => index.longestPrefix(keys, (block) => index.inTier(block, DISK)).length,
    policyBytes: () => {
      const policy = new GdsfPolicy(index, { tier: DISK, worth: (block) => index.recomputeMicrosOf(block) });
      for (let block = 0; block < index.handleLimit; block++) policy.entered(block);
      return policy.byteLength;
    },
  };
}

interface PlainBlock {
  key: string;
  parent: number;
  children: number;
  quality: number;
  bytes: number;
  costMicros: number;
}

function plainMap(): Subject {
  const map = new Map<string, PlainBlock>();
  const name = (key: Uint8Array) => Buffer.from(key.buffer, key.byteOffset, 32).toString('latin1');
  return {
    insert: (key, parent) => {
      const text = name(key);
      map.set(text, { key: text, parent, children: 0, quality: 1, bytes: 8 << 20, costMicros: 5000 });
      return map.size - 1;
    },
    lookup: (keys) => {
      let count = 0;
      while (count < keys.length && map.has(name(keys[count] as Uint8Array))) count++;
      return count;
    },
    policyBytes: () => 0,
  };
}

/** What must outlive the measurement of memory. */
const kept: unknown[] = [];

function rss(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage().rss;
}

function measure(subject: Subject): Figures {
  const key = new Uint8Array(32);
  for (let n = 0; n < 1000; n++) writeKey(n, key);
  const empty = rss();
  const started = performance.now();
  for (let first = 0; first < blocks; first += SESSIONS * CHAIN) {
    const parents = Array.from({ length: SESSIONS }, () => NO_BLOCK as number);
    for (let n = 0; n < CHAIN; n++)
      for (let s = 0; s < SESSIONS; s++)
        parents[s] = subject.insert(writeKey(first + s * CHAIN + n, key), parents[s] as number);
  }
  const seconds = (performance.now() - started) / 1000;
  const full = rss();
  const random = new Random(1);
  const micros: number[] = [];
  for (let i = 0; i < LOOKUPS; i++) {
    const first = CHAIN * random.below(Math.floor(blocks / CHAIN));
    const keys = chainKeys(first);
    // What the keys of the last round left behind is not the lookup's to collect.
    globalThis.gc?.({ type: 'minor' });
    const before = performance.now();
    const found = subject.lookup(keys);
    micros.push((performance.now() - before) * 1000);
    if (found !== CHAIN) throw new Error(`${found} of ${CHAIN} blocks found`);
  }
  micros.sort((a, b) => a - b);
  const withPolicy = (full - empty + subject.policyBytes()) / blocks;
  kept.push(subject);
  return {
    bytesPerBlock: (full - empty) / blocks,
    bytesPerBlockWithPolicy: withPolicy,
    insertsPerSecond: blocks / seconds,
    p50Micros: micros[LOOKUPS / 2] as number,
    p99Micros: micros[Math.floor(LOOKUPS * 0.99)] as number,
  };
}

function inProcess(part: string): Figures {
  const file = fileURLToPath(import.meta.url);
  // As `npm start` runs the server: by default the runtime keeps up to 48 MB for new objects, full or not.
  const words = ['--expose-gc', '--max-semi-space-size=4', file, '--part', part, '--blocks', String(blocks)];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' })) as Figures;
}

function report(): void {
  const mine = inProcess('ours');
  const peer = inProcess('map');
  const row = (name: string, figure: keyof Figures, bar: string) => ({
    case: name,
    ours: Number(mine[figure].toFixed(1)),
    peer: Number(peer[figure].toFixed(1)),
    ratio: Number((peer[figure] / mine[figure]).toFixed(2)),
    bar,
  });
  const rows = [
    row(`index of ${blocks} blocks, RSS bytes per block`, 'bytesPerBlock', '<= 100'),
    row('the same with the eviction order of the tier', 'bytesPerBlockWithPolicy', '<= 100'),
    row(`lookup of a ${CHAIN}-block chain, p50 us`, 'p50Micros', 'none'),
    row(`lookup of a ${CHAIN}-block chain, p99 us`, 'p99Micros', '< 2000'),
    row('insertions per second', 'insertsPerSecond', 'none'),
  ];
  console.table(rows);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
}

if (values.part === undefined) report();
else console.log(JSON.stringify(measure(values.part === 'ours' ? ours() : plainMap())));
