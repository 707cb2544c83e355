import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KV_PROGRAMS, type KvProgram } from './kv/programs.js';
import { type KvRow, type RawRow, toRow } from './kv/rows.js';
import { table, warnIfBusy } from './report.js';

/**
 * Everything about KV that has a bar, by the program that measures it, one after the other: figures beside their peers
 * of the same run, in one table and one file. A bar that is missed is a result and no failure.
 */
const ROOT = resolve(import.meta.dirname, '..', '..', '..');

function options() {
  const { values } = parseArgs({
    options: {
      json: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  });
  const programs = KV_PROGRAMS.filter(({ name }) => values.only === undefined || name === values.only);
  if (programs.length === 0) {
    throw new Error(`--only must be one of ${KV_PROGRAMS.map(({ name }) => name).join(', ')}`);
  }
  return { ...values, programs };
}

async function rowsOf(program: KvProgram, quick: boolean, scratch: string): Promise<KvRow[]> {
  const file = join(scratch, `${program.name}.json`);
  const extra = quick ? (program.quick.words ?? []) : [];
  const env = { ...process.env, ...(quick ? program.quick.env : {}) };
  const words = [...program.command, ...extra, '--json', file];
  const endsWithUs = ['--import', join(ROOT, 'tools', 'bootstrap', 'end-with-parent.mjs')];
  const child = spawn(process.execPath, [...endsWithUs, ...words], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const code = await new Promise<number | null>((settled, failed) => {
    child.once('error', failed);
    child.once('exit', settled);
  });
  if (code !== 0) throw new Error(`${program.name} ended with exit code ${code}`);
  const raw = JSON.parse(await readFile(file, 'utf8')) as RawRow[];
  return raw.map((row) => toRow(row, program.numericBar));
}

function line({ case: name, ours, peer, ratio, bar, met }: KvRow): string[] {
  const verdict = met === null ? '' : met ? 'met' : 'missed';
  return [name, figure(ours), figure(peer), ratio === null ? '' : `${figure(ratio)}x`, bar, verdict];
}

function figure(value: number | null): string {
  if (value === null) return '';
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

async function main(): Promise<void> {
  const { json, quick, programs } = options();
  warnIfBusy();
  const scratch = await mkdtemp(join(tmpdir(), 'longhaul-bench-kv-'));
  const rows: KvRow[] = [];
  const failures: string[] = [];
  try {
    for (const program of programs) {
      console.log(`\n${program.name}${quick ? ', short' : ''}`);
      await rowsOf(program, quick, scratch).then(
        (own) => rows.push(...own),
        (error: unknown) => failures.push(`${program.name}: ${(error as Error).message}`),
      );
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  console.log(`\n${table([['case', 'ours', 'peer', 'ratio', 'bar', ''], ...rows.map(line)])}`);
  if (quick) console.log('Short runs: everything works, the figures are rough, bars are for whole runs.');
  if (json !== undefined) await writeFile(resolve(json), `${JSON.stringify(rows, null, 2)}\n`);
  for (const failure of failures) console.error(`failed: ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
}

await main();
