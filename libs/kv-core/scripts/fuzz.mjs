// Feeds damaged and forged blocks to the reader and prints what became of them. Exit 1 on the first kind of failure.
//
//     npm run fuzz -w @longhaul/kv-core [-- --count 1000000 --seed 1]
import { parseArgs } from 'node:util';
import { fuzzBlocks } from '../dist/testing/fuzz-blocks.js';

const SLICE = 50_000;

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const count = Number(values.count);
const started = performance.now();
const totals = { blocks: 0, intact: 0, forged: 0, faults: {}, failures: [] };
let peakRss = 0;
for (let done = 0; done < count && totals.failures.length === 0; done += SLICE) {
  const report = fuzzBlocks({ count: Math.min(SLICE, count - done), seed: Number(values.seed) + done });
  for (const key of ['blocks', 'intact', 'forged']) totals[key] += report[key];
  for (const [fault, times] of Object.entries(report.faults))
    totals.faults[fault] = (totals.faults[fault] ?? 0) + times;
  totals.failures.push(...report.failures);
  peakRss = Math.max(peakRss, process.memoryUsage().rss);
}
const seconds = (performance.now() - started) / 1000;
console.log(
  JSON.stringify({ ...totals, seconds: Math.round(seconds), peakRssMiB: Math.round(peakRss / 2 ** 20) }, null, 2),
);
process.exit(totals.failures.length === 0 ? 0 : 1);
