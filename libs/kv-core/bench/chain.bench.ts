/**
 * What keys cost: the chain of a prompt of 32,768 tokens, one key for each 16. Run after a build:
 *
 *     node libs/kv-core/bench/chain.bench.ts [--json FILE]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { LINK_TOKENS, linkKey } from '../dist/index.js';

const TOKENS = 32_768;
const ROUNDS = 25;
/** Prefill of `needle-3m`, the smallest model here, takes hundreds of times as long. */
const BAR_NANOS = 1000;

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const tokens = Int32Array.from({ length: TOKENS }, (_, i) => (i * 7919) % 50_000);

function chainMillis(): number {
  const startMs = performance.now();
  let key: Uint8Array = new Uint8Array(32);
  for (let at = 0; at < TOKENS; at += LINK_TOKENS) key = linkKey(key, tokens.subarray(at, at + LINK_TOKENS));
  return performance.now() - startMs;
}

const sorted = Array.from({ length: ROUNDS }, chainMillis).sort((a, b) => a - b);
const medianMs = sorted[ROUNDS >> 1] ?? NaN;
const nanos = (medianMs * 1e6) / TOKENS;
const rows = [
  { case: `keys of ${TOKENS} tokens, ns per token`, ours: Math.round(nanos), bar: BAR_NANOS, met: nanos <= BAR_NANOS },
  { case: `keys of ${TOKENS} tokens, ms`, ours: Number(medianMs.toFixed(2)), bar: 'none', met: true },
];
console.table(rows);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
