// Loads and unloads a model 1,000 times (or as often as the second argument says) and prints the resident memory on
// the way: `node scripts/load-cycles.mjs <model.onnx> [cycles]`. Needs the compiled addon and the package's dist/.
import { loadEngine } from '../dist/index.js';

const [graphPath, cyclesText = '1000'] = process.argv.slice(2);
const cycles = Number(cyclesText);
if (graphPath === undefined || !Number.isInteger(cycles) || cycles < 1) {
  console.error('usage: node scripts/load-cycles.mjs <model.onnx> [cycles]');
  process.exit(2);
}

const engine = await loadEngine();
const report = Math.max(1, Math.floor(cycles / 10));
for (let cycle = 0; cycle <= cycles; cycle++) {
  if (cycle % report === 0) console.log(`${cycle} cycles: ${(process.memoryUsage.rss() / 1e6).toFixed(1)} MB`);
  const model = engine.createModel({ graphPath, threads: 2, spin: false });
  await model.ready;
  await model.dispose();
}
