import { loadEngine } from '@longhaul/engine-native';
import { loadGraph, openPackage } from '@longhaul/model';

/**
 * Loads and unloads a package 1,000 times (or as often as the second argument says) and prints the resident memory on the
 * way: `node tools/bench/dist/load-cycles.js <package> [cycles]`.
 */
const [packageDir, cyclesText = '1000'] = process.argv.slice(2);
const cycles = Number(cyclesText);
if (packageDir === undefined || !Number.isInteger(cycles) || cycles < 1) {
  console.error('usage: node tools/bench/dist/load-cycles.js <package> [cycles]');
  process.exit(2);
}

const engine = await loadEngine();
const opened = await openPackage(packageDir);
const report = Math.max(1, Math.floor(cycles / 10));
for (let cycle = 0; cycle <= cycles; cycle++) {
  if (cycle % report === 0) console.log(`${cycle} cycles: ${(process.memoryUsage.rss() / 1e6).toFixed(1)} MB`);
  const model = engine.createModel({ ...(await loadGraph(opened)), threads: 2, spin: false });
  await model.ready;
  await model.dispose();
}
