import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { benchModel } from './models.js';
import { parseOptions } from './options.js';
import { thisProcessor } from './processor.js';
import { rate, table, warnIfBusy } from './report.js';
import { Measurements } from './sparse/measurements.js';
import { type PlannedRow, rowsOf, type SparseRow } from './sparse/rows.js';
import { SPARSE_LENGTHS, sparseBar } from './sparse/sparse-cases.js';

/**
 * Sparse attention against dense and against peers, at a fixed density: random weights look at everything alike, so the
 * share that a list has is given, and only scoring and choosing are the policies' own.
 */
async function measureRow(row: PlannedRow, measurements: Measurements): Promise<SparseRow> {
  const { ours, peer } = await row.measure(measurements);
  const bar = sparseBar(row.name, thisProcessor());
  const ratio = peer === null ? ours : ours / peer;
  const met = bar === null ? null : peer === null ? ratio <= bar : ratio >= bar;
  return { case: row.name, ours, peer, ratio, bar, met, density: row.density };
}

function rowsTable(rows: readonly SparseRow[]): string {
  const head = ['', 'density', 'ours', 'peer', 'ratio', 'bar', ''];
  const body = rows.map((row) => {
    const share = row.peer === null;
    const shown = (value: number): string => (share ? `${(value * 100).toFixed(0)} %` : `${value.toFixed(2)}x`);
    return [
      row.case,
      `${(row.density * 100).toFixed(1)} %`,
      share ? shown(row.ours) : rate(row.ours),
      row.peer === null ? '-' : rate(row.peer),
      shown(row.ratio),
      row.bar === null ? '-' : shown(row.bar),
      row.met === null ? '' : row.met ? 'met' : 'MISSED',
    ];
  });
  return table([head, ...body]);
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), { rounds: 1 });
  warnIfBusy();
  const model = await benchModel(options.model, join(options.cacheDir, 'bench'));
  const lengths = SPARSE_LENGTHS.filter(({ tokens }) => options.lengths.includes(tokens));
  const ordered = rowsOf(lengths).filter((row) => row.name.includes(options.only));
  if (ordered.length === 0) throw new Error(`--only: no case contains ${options.only}`);
  const measurements = new Measurements(model, options);
  const rows: SparseRow[] = [];
  try {
    for (const row of ordered) rows.push(await measureRow(row, measurements));
  } finally {
    await measurements.close();
  }
  console.log(
    `${model.name}, ${options.threads} threads, int8 weights; tokens per second, bars for: ${thisProcessor()}`,
  );
  console.log(rowsTable(rows));
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify(rows, null, 2)}\n`);
}

await main();
