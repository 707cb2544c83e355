// CRC32C against the table version, on buffers in and out of the caches: `npm run bench -w @longhaul/kv-native`.
// With `--json PATH` the figures are written there too.
import { writeFileSync } from 'node:fs';
import { crc32c, crc32cKernel, crc32cReference } from '../dist/index.js';

const BAR_GB_PER_SECOND = 8;
const path = process.argv.includes('--json') ? process.argv[process.argv.indexOf('--json') + 1] : undefined;

/** The best of several runs, in GB/s: the others were disturbed. */
function speed(checksum, bytes) {
  const rounds = Math.max(1, Math.ceil((64 << 20) / bytes.length));
  let best = 0;
  for (let run = 0; run < 7; run++) {
    const started = process.hrtime.bigint();
    for (let round = 0; round < rounds; round++) checksum(bytes);
    best = Math.max(best, (rounds * bytes.length) / Number(process.hrtime.bigint() - started));
  }
  return best;
}

const rows = [64 << 10, 1 << 20, 8 << 20, 64 << 20].map((size) => {
  const bytes = new Uint8Array(size).map((_, i) => i * 31);
  const ours = speed(crc32c, bytes);
  const peer = speed(crc32cReference, bytes);
  return { case: `crc32c ${size >> 10} KiB, GB/s`, ours, peer, ratio: ours / peer, bar: BAR_GB_PER_SECOND };
});
for (const row of rows) {
  const met = row.ours >= row.bar ? 'met' : 'missed';
  console.log(
    `${row.case} (${crc32cKernel()}): ${row.ours.toFixed(1)}, table ${row.peer.toFixed(2)}, ` +
      `x${row.ratio.toFixed(1)}, bar ${row.bar} ${met}`,
  );
}
if (path) writeFileSync(path, `${JSON.stringify(rows, null, 2)}\n`);
