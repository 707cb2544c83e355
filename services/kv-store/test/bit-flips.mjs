// Flips one bit at random places of memory, stored files and the wire, one at a time, and reads everything through the
// real client after each:
//   npm run bitflips -w @longhaul/kv-store -- --flips 10000 [--seed 1] [--json PATH]
// Nothing may be served that is not what was stored; what is lost must be counted, be a miss afterwards, and be no more
// than the chain that was hit; the rest must still be served. Exits 1 otherwise. Needs `npm run build`; takes minutes.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { flipFiles, flipMemory, flipWire } from './support/flip-places.mjs';

const { values } = parseArgs({
  options: {
    flips: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});

function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

const places = [
  flipMemory,
  (flips, random) => flipFiles(flips, random, true),
  (flips, random) => flipFiles(flips, random, false),
  (flips, random) => flipWire(flips, random, 'auto'),
  (flips, random) => flipWire(flips, random, 'grpc'),
];
const flips = Math.ceil(Number(values.flips) / places.length);
const random = seeded(Number(values.seed));
const rows = [];
for (const place of places) {
  const started = Date.now();
  rows.push({ ...(await place(flips, random)), seconds: Math.round((Date.now() - started) / 1000) });
  console.error(JSON.stringify(rows.at(-1)));
}
console.table(rows);
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
const bad = rows.filter((row) => row.served_wrong + row.uncounted + row.others_lost > 0);
if (bad.length > 0) {
  console.error(`Violations: ${bad.map(({ place }) => place).join(', ')}`);
  process.exitCode = 1;
}
