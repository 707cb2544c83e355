import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { importModel } from '@longhaul/model';
import { NEEDLE_3M, startServerProcess } from '@longhaul/testing';
import { parseOptions, USAGE, type MainOptions } from './options.js';
import { fuzzApi } from './run.js';
import { SERVER_FLAGS } from './server-flags.js';
import { reportTable, verdictOf } from './table.js';

const BUSY_SHARE = 0.01;

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(USAGE);
  else process.exitCode = (await fuzz(options)) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 1;
}

/** @returns whether all is well. */
async function fuzz(options: MainOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-fuzz-'));
  try {
    const model = join(folder, 'needle-3m');
    await importModel({ source: NEEDLE_3M, out: model, weights: 'int8', name: 'needle-3m' });
    return await againstServer(options, model);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function againstServer(options: MainOptions, model: string): Promise<boolean> {
  const errors: string[] = [];
  const embedded = dirname(createRequire(import.meta.url).resolve('@longhaul/embedded/package.json'));
  const server = await startServerProcess({
    program: [join(embedded, 'dist', 'main.js')],
    flags: ['--model', model, ...SERVER_FLAGS, '--log-level', 'error'],
    onLog: (line) => errors.push(line),
  });
  const startMs = performance.now();
  const peak = { bytes: 0 };
  const timer = setInterval(
    () => void server.residentBytes().then((bytes) => (peak.bytes = Math.max(peak.bytes, bytes ?? 0))),
    1000,
  );
  try {
    const report = await fuzzApi({
      ...options,
      url: server.url,
      grpcAddress: `127.0.0.1:${server.grpcPort}`,
      onProgress: (done) => process.stderr.write(`${done} cases\n`),
      onFault: (text) => process.stderr.write(`${text}\n`),
    });
    const seconds = Math.round((performance.now() - startMs) / 1000);
    const busy = report.rows.reduce((sum, row) => sum + row.busy, 0);
    const rows = report.rows.map((row) => ({ ...row, result: verdictOf(row) }));
    const serverFaults = [
      ...report.serverFaults,
      ...errors.map((line) => `error in the log: ${line.slice(0, 500)}`),
      ...(busy > report.cases * BUSY_SHARE ? [`${busy} cases were turned away as too many: the run says little`] : []),
      ...(server.death() === null ? [] : [server.death() ?? '']),
    ];
    const whole = { ...report, rows, serverFaults, seconds, peakResidentBytes: peak.bytes };
    if (options.json !== null) await writeFile(options.json, `${JSON.stringify(whole, null, 2)}\n`);
    process.stdout.write(reportTable(whole));
    return serverFaults.length === 0 && rows.every(({ faults }) => faults === 0);
  } finally {
    clearInterval(timer);
    await server.stop();
  }
}
