import { fork } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importModel } from '@longhaul/model';
import { parseOptions } from './options.js';
import type { SessionMemory } from './memory-worker.js';
import { BENCH_MODELS, benchModel } from './models.js';
import { megabytes, table } from './report.js';

/** Resident memory of a warm session over the bytes of its weights, a process of its own for each kind of weights. */
const BAR = 1.5;
const WEIGHTS = ['int8', 'int4', 'f32'] as const;

interface Row {
  case: string;
  /** Bytes. */
  ours: number;
  /** Bytes of the weights. */
  peer: number;
  ratio: number;
  bar: number;
}

const WORKER = fileURLToPath(new URL('./memory-worker.js', import.meta.url));

function measure(packageDir: string, threads: number): Promise<SessionMemory> {
  const child = fork(WORKER, [packageDir, String(threads)], { execArgv: [...process.execArgv, '--expose-gc'] });
  return new Promise((settle, reject) => {
    child.on('message', (memory) => settle(memory as SessionMemory));
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the measuring process ended with exit code ${code}`)));
  });
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), { rounds: 1 });
  const scratch = await mkdtemp(join(tmpdir(), 'longhaul-memory-'));
  const rows: Row[] = [];
  try {
    for (const name of BENCH_MODELS) {
      const { gguf } = await benchModel(name, join(options.cacheDir, 'bench'));
      for (const weights of WEIGHTS) {
        const out = join(scratch, `${name}-${weights}`);
        const manifest = await importModel({ source: gguf, out, weights, name });
        const { residentBytes } = await measure(out, options.threads);
        const peer = manifest.weights.bytes;
        const row = { case: `${name}, ${weights}`, ours: residentBytes, peer, ratio: residentBytes / peer, bar: BAR };
        rows.push(row);
        await rm(out, { recursive: true, force: true });
      }
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  const lines = rows.map((row) => [
    row.case,
    megabytes(row.peer),
    megabytes(row.ours),
    `${row.ratio.toFixed(2)}x`,
    row.ratio <= row.bar ? 'met' : 'missed',
  ]);
  console.log(table([['warm session', 'weights', 'resident, without KV', 'ratio', `bar ${BAR}x`], ...lines]));
  if (options.json !== null) await writeFile(resolve(options.json), `${JSON.stringify(rows, null, 2)}\n`);
}

await main();
