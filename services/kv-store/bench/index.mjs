// Memory and lookups of the whole store core with a million blocks known, all in the disk tier in chains of 2,048:
// `npm run bench:index -w @longhaul/kv-store -- [--blocks 1000000] [--json FILE]`. Needs `npm run build`; takes minutes.
// The tier below is made up: it says that it has the blocks and makes their heads up when they are read, so that what is
// measured is the core's own memory. Index and eviction policy by themselves: `npm run bench -w @longhaul/kv-core`.
import { systemClock } from '@longhaul/kernel';
import { FORMAT_MAJOR } from '@longhaul/kv-core';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { crc32c } from '@longhaul/kv-native';
import { Random } from '../../../libs/kv-core/dist/testing/random.js';
import { repairHeader } from '../../../libs/kv-core/dist/testing/repair.js';
import { sampleBlock, sampleSpec } from '../../../libs/kv-core/dist/testing/sample-block.js';
import { createStoreCore } from '../dist/core/create-store-core.js';

const CHAIN = 2048;
/** Chains that grow at the same time: blocks of one chain do not lie side by side. */
const SESSIONS = 8;
const LOOKUPS = 1000;
const HEAD_BYTES = 4096;
const KEY_AT = 64;
const PARENT_AT = 96;
const FIRST_POSITION_AT = 144;
const BLOCK_TOKENS = 16;

const { values } = parseArgs({ options: { json: { type: 'string' }, blocks: { type: 'string', default: '1000000' } } });
const blocks = Math.ceil(Number(values.blocks) / (SESSIONS * CHAIN)) * SESSIONS * CHAIN;
const sample = sampleBlock();
const { namespace } = sampleSpec();
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
/** Events that the core has published. */
let told = 0;

/** Key of block `n`; the parent of a chain's first block is one that nobody has. */
function keyOf(n, key = new Uint8Array(32)) {
  new Random(n).fill(key);
  new DataView(key.buffer, key.byteOffset).setUint32(0, n);
  return key;
}

/** Keys of a chain within one buffer, as they come from a network. */
function chainKeys(first) {
  const buffer = new Uint8Array(32 * CHAIN);
  return Array.from({ length: CHAIN }, (_, n) => keyOf(first + n, buffer.subarray(32 * n, 32 * n + 32)));
}

/** Number of the block that comes `n`th: the sessions take turns. */
function inOrder(n) {
  const round = Math.floor(n / (SESSIONS * CHAIN));
  const within = n % (SESSIONS * CHAIN);
  return (round * SESSIONS + (within % SESSIONS)) * CHAIN + Math.floor(within / SESSIONS);
}

/** Reads take turns with these: what they would leave behind for the collector is not the core's. */
const buffers = Array.from({ length: 64 }, () => new Uint8Array(2 * HEAD_BYTES));
let reads = 0;

/** A disk tier that has the first `count` blocks. */
function madeUpTier(count) {
  const refuse = () => Promise.reject(new Error('This tier is not written to.'));
  return {
    ...{ name: 'disk', limitBytes: 2 ** 60, usedBytes: count * sample.length, objects: count },
    health: { writable: true, readable: true, reason: '' },
    put: refuse,
    remove: refuse,
    has: () => true,
    sizeOf: () => sample.length,
    close: () => Promise.resolve(),
    read(key, offset, length) {
      const n = new DataView(key.buffer, key.byteOffset).getUint32(0);
      const bytes = buffers[reads++ % buffers.length].subarray(0, length);
      bytes.set(sample.subarray(offset, offset + length));
      bytes.set(key, KEY_AT);
      keyOf(n % CHAIN === 0 ? 2 ** 31 + n : n - 1, bytes.subarray(PARENT_AT, PARENT_AT + 32));
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(FIRST_POSITION_AT, (n % CHAIN) * BLOCK_TOKENS, true);
      repairHeader(bytes);
      return Promise.resolve(bytes);
    },
    *entries() {
      for (let n = 0; n < count; n++) yield { key: keyOf(inOrder(n)), bytes: sample.length };
    },
  };
}

async function started(count, limits = {}) {
  const core = createStoreCore({
    owner: 'bench',
    limits,
    ramBytes: 2 ** 30,
    lower: [{ tier: madeUpTier(count), write: { kind: 'write_through' } }],
    clock: systemClock,
    checksum: crc32c,
    random: (length) => Uint8Array.from(randomBytes(length)),
    sink: { publish: ({ events }) => void (told += events.length) },
  });
  await core.start();
  return core;
}

async function memory() {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    gc();
  }
  return process.memoryUsage();
}

/** Microseconds of single lookups, sorted: until the answer, and of processor time. */
async function lookups(core) {
  const random = new Random(1);
  const wall = [];
  for (let i = 0; i < LOOKUPS; i++) {
    const first = CHAIN * random.below(Math.floor(blocks / CHAIN));
    const keys = chainKeys(first);
    // What the keys of the last round left behind is not the lookup's to collect.
    gc({ type: 'minor' });
    const before = performance.now();
    const match = await core.lookupPrefix({ namespace, keys, minQuality: 1, leaseMs: 0 });
    wall.push((performance.now() - before) * 1000);
    if (match.matchedBlocks !== CHAIN) throw new Error(`${match.matchedBlocks} of ${CHAIN} blocks found`);
    await core.releaseLease(match.leaseId);
  }
  return wall.sort((a, b) => a - b);
}

// The same work on an index that is full at once: what the runtime sets aside for garbage is there before the measurement.
const warm = await started(100_000, { maxBlocks: 1000 });
await warm.close();
const empty = await memory();
const begun = performance.now();
const core = await started(blocks);
const seconds = (performance.now() - begun) / 1000;
const full = await memory();
await core.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'bench' });
// The handshake names the owner of what was recovered; its events fill the ring.
while (told < blocks) await new Promise((resolve) => setTimeout(resolve, 100));
const withEvents = await memory();
const stat = await core.stat(namespace);
if (stat.tiers[1].objects !== blocks) throw new Error(`${stat.tiers[1].objects} of ${blocks} blocks are known`);
const wall = await lookups(core);
await core.close();

const perBlock = (field, usage = full) => (usage[field] - empty[field]) / blocks;
const quantile = (times, share) => times[Math.floor(times.length * share)];
const row = (name, value, bar = 'none') => ({ case: name, ours: Number(value.toFixed(1)), bar });
const rows = [
  row(`store core with ${blocks} blocks on disk, RSS bytes per block`, perBlock('rss'), '<= 100'),
  row('of it typed arrays (index and eviction order)', perBlock('arrayBuffers')),
  row('of it objects', perBlock('heapUsed')),
  row('of it heap that the runtime keeps free', perBlock('heapTotal') - perBlock('heapUsed')),
  row('objects per block when the ring of 65,536 events is full', perBlock('heapUsed', withEvents)),
  row(`lookupPrefix of ${CHAIN} keys, p50 us`, quantile(wall, 0.5)),
  row(`lookupPrefix of ${CHAIN} keys, p99 us`, quantile(wall, 0.99), '< 2000'),
  row('blocks recovered per second at the start', blocks / seconds),
];
console.table(rows);
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
