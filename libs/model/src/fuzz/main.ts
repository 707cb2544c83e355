import { parseArgs } from 'node:util';
import { fuzzReaders } from './fuzz-readers.js';

/** Peak memory may grow by this much over the whole run; the files have a few kB each. */
const MAX_GROWTH_BYTES = 256 * 1024 * 1024;
/** Processor time that one file of a few kB may take; a hang takes more. */
const MAX_FILE_MS = 2000;

const { values } = parseArgs({
  options: { mutations: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});

const started = performance.now();
const report = await fuzzReaders({
  mutations: Number(values.mutations),
  seed: Number(values.seed),
  onProgress: (done) => {
    if (done % 10_000 === 0) process.stderr.write(`${done} mutations\n`);
  },
});
const seconds = (performance.now() - started) / 1000;
process.stdout.write(`${JSON.stringify({ ...report, seconds: Math.round(seconds) }, null, 2)}\n`);
if (report.peakGrowthBytes > MAX_GROWTH_BYTES) throw new Error(`Memory grew by ${report.peakGrowthBytes} bytes.`);
if (report.slowestCpuMs > MAX_FILE_MS) throw new Error(`One file took ${report.slowestCpuMs} ms of processor time.`);
