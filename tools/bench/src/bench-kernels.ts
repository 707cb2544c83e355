import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type KernelsOptions, parseKernelsOptions } from './kernels/options.js';
import { parseMeasurement } from './kernels/measurement.js';
import { type KernelRow, kernelRow, kernelTable, limitRow, limitTable, shareRow, shareTable } from './kernels/rows.js';
import { warnIfBusy } from './report.js';

/** The kernels beside the limits of the machine that bind them, both measured in one run. A missed bar is no failure. */
const ROOT = resolve(import.meta.dirname, '..', '..', '..');
const PROGRAM = join(ROOT, 'libs', 'engine-native', 'scripts', 'kernel-bench.mjs');

function rowOf(line: string, mostThreads: number): KernelRow {
  const measured = parseMeasurement(line);
  if ('limit' in measured) return limitRow(measured);
  return 'share' in measured ? shareRow(measured) : kernelRow(measured, mostThreads);
}

async function measure(options: KernelsOptions): Promise<KernelRow[]> {
  const words = [options.threads.join(','), String(options.rounds), options.instructions, options.only];
  const child = spawn(process.execPath, [PROGRAM, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((settled, failed) => {
    child.once('error', failed);
    child.once('close', settled);
  });
  const rows: KernelRow[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const row = rowOf(line, Math.max(...options.threads));
    process.stderr.write(`${row.case}, ${row.threads} threads\n`);
    rows.push(row);
  }
  const code = await ended;
  if (code !== 0) throw new Error(`the kernel benchmark ended with exit code ${code}`);
  return rows;
}

const options = parseKernelsOptions(process.argv.slice(2));
warnIfBusy();
const rows = await measure(options);
console.log([limitTable(rows), kernelTable(rows), shareTable(rows)].join('\n\n').trimEnd());
if (options.json !== null) await writeFile(options.json, `${JSON.stringify(rows, null, 2)}\n`);
