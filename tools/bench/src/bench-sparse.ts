import { join } from 'node:path';
import { benchModel, type BenchModel } from './models.js';
import { thisProcessor } from './processor.js';
import { warnIfBusy } from './report.js';
import { EngineProcesses } from './sparse/engines.js';
import { Measurements } from './sparse/measurements.js';
import { parseSparseOptions, type SparseOptions } from './sparse/options.js';
import { ResultsFile, type RunSettings } from './sparse/results-file.js';
import { RowLines } from './sparse/row-lines.js';
import { type PlannedRow, rowsOf } from './sparse/rows.js';
import { measureRow } from './sparse/sparse-row.js';

/**
 * Sparse attention against dense and against peers, at a fixed density: random weights look at everything alike, so the
 * share that a list has is given, and only scoring and choosing are the policies' own. Rows on stdout, each as soon as it is
 * known; what is being measured on stderr.
 */
async function main(): Promise<void> {
  const options = parseSparseOptions(process.argv.slice(2));
  const rows = rowsOf(options);
  if (rows.length === 0) throw new Error(`--only: no row contains ${options.only}`);
  warnIfBusy();
  const model = await benchModel(options.model, join(options.cacheDir, 'bench'));
  const results = openResults(options, model);
  console.log(
    `${model.name}, ${options.threads} threads, int8 weights; tokens per second; bars for: ${thisProcessor()}`,
  );
  const engines = new EngineProcesses(model, options);
  try {
    await measureRows(rows, { model, options, engines, results });
  } finally {
    await engines.keepOnly([]);
  }
}

interface Run {
  model: BenchModel;
  options: SparseOptions;
  engines: EngineProcesses;
  results: ResultsFile;
}

async function measureRows(rows: readonly PlannedRow[], { model, options, engines, results }: Run): Promise<void> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const measurements = new Measurements(engines, { rounds: options.rounds, say, now: () => performance.now() });
  const lines = new RowLines(rows.map(({ name }) => name));
  console.log(lines.head());
  for (const row of rows) {
    const known = results.find(row.name);
    if (known === null) await engines.keepOnly(row.engines);
    const measured = known ?? (await measureRow(row, measurements, model.hasPeerBars ? thisProcessor() : null));
    if (known === null) results.add(measured);
    console.log(lines.row(measured));
  }
}

function openResults({ json, resume, threads, spin, rounds }: SparseOptions, model: BenchModel): ResultsFile {
  const { fingerprint } = model.package.manifest;
  const settings: RunSettings = { model: model.name, fingerprint, processor: thisProcessor(), threads, spin, rounds };
  return json !== null && resume ? ResultsFile.resume(json, settings) : ResultsFile.begin(json, settings);
}

await main();
