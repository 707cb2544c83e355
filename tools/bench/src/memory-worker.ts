import { setTimeout as sleep } from 'node:timers/promises';
import { loadEngine } from '@longhaul/engine-native';
import { OursSide } from './ours/ours-side.js';

/** Child process of bench-memory: what one warm session adds to the resident memory of a process with the addon. */
export interface SessionMemory {
  /** Resident bytes of the warm session: weights, prepacked copies, buffers. Without the KV pool. */
  residentBytes: number;
}

const PAGES = 64;
const ROUNDS = 3;
const SETTLE_MS = 500;

async function settledRss(): Promise<number> {
  await sleep(SETTLE_MS);
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

const [packageDir = '', threads = '2'] = process.argv.slice(2);
await loadEngine();
const before = await settledRss();
const side = await OursSide.open({ packageDir, threads: Number(threads), spin: false, kv: 'bf16', pages: PAGES });
const common = { name: '', sequences: 1, bar: null };
for (let round = 0; round < ROUNDS; round++) {
  await side.measure({ ...common, kind: 'prefill', depth: 0, tokens: 512 });
  await side.measure({ ...common, kind: 'decode', depth: 512, tokens: 32 });
}
const memory: SessionMemory = { residentBytes: (await settledRss()) - before - side.kvBytes };
await side.dispose();
process.send?.(memory, () => process.exit(0));
