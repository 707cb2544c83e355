import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kvPageBytes, PAGE_TOKENS } from '@longhaul/engine-native';
import { type BenchCase } from './cases.js';
import { type Load, measureLoad } from './load-time.js';
import { benchModel, type BenchModel } from './models.js';
import { type BenchOptions, parseOptions } from './options.js';
import { median, megabytes, rate, table, warnIfBusy } from './report.js';
import { SideProcess } from './side-process.js';

/** How long a package takes to load; prefill and decode rates over context lengths, with the KV bytes and memory they take. */
const DEPTHS = [0, 1024, 4096, 16384, 32768];
const PREFILL_TOKENS = 512;
const DECODE_TOKENS = 32;
const SLACK_TOKENS = 1024;

/** Loads take a moment, so their median is taken over this many times the rounds. */
const LOADS_PER_ROUND = 3;

interface DepthResult {
  depth: number;
  prefillTokensPerSecond: number;
  decodeTokensPerSecond: number;
  kvBytes: number;
  rssBytes: number;
}

function cases(depth: number): { prefill: BenchCase; decode: BenchCase } {
  const common = { name: '', depth, sequences: 1 };
  return {
    prefill: { ...common, kind: 'prefill', tokens: PREFILL_TOKENS },
    decode: { ...common, kind: 'decode', tokens: DECODE_TOKENS },
  };
}

/** A process of its own for each depth, so that its pool and its resident memory are those of that depth. */
async function measureDepth(model: BenchModel, depth: number, options: BenchOptions): Promise<DepthResult> {
  const pages = Math.ceil((depth + SLACK_TOKENS) / PAGE_TOKENS);
  const { threads, spin, kv, rounds } = options;
  const side = await SideProcess.start({ side: 'ours', packageDir: model.package.dir, threads, spin, kv, pages });
  const { prefill, decode } = cases(depth);
  const rates = { prefill: [] as number[], decode: [] as number[] };
  let rssBytes = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      rates.prefill.push((await side.measure(prefill)).tokensPerSecond);
      const measured = await side.measure(decode);
      rates.decode.push(measured.tokensPerSecond);
      rssBytes = Math.max(rssBytes, measured.rssBytes);
    }
  } finally {
    await side.stop();
  }
  const kvBytes = (depth / PAGE_TOKENS) * kvPageBytes({ ...model.package.manifest.shape, dtype: options.kv });
  return {
    depth,
    prefillTokensPerSecond: median(rates.prefill),
    decodeTokensPerSecond: median(rates.decode),
    kvBytes,
    rssBytes,
  };
}

interface Results {
  load: Load;
  depths: readonly DepthResult[];
}

function print(model: BenchModel, { load, depths }: Results, options: BenchOptions): void {
  const head = ['depth', `prefill ${PREFILL_TOKENS}, tokens/s`, 'decode, tokens/s', 'KV of the context', 'RSS'];
  const rows = depths.map((row) => [
    String(row.depth),
    rate(row.prefillTokensPerSecond),
    rate(row.decodeTokensPerSecond),
    megabytes(row.kvBytes),
    megabytes(row.rssBytes),
  ]);
  const weights = megabytes(model.package.manifest.weights.bytes);
  console.log(
    `${model.name}: int8 weights (${weights}), ${options.kv} KV, ${options.threads} threads, median of ${options.rounds}`,
  );
  const { totalMs, openMs, graphMs, sessionMs } = load;
  console.log(
    `load ${totalMs.toFixed(0)} ms: package ${openMs.toFixed(0)}, graph ${graphMs.toFixed(0)}, session ${sessionMs.toFixed(0)}`,
  );
  console.log(table([head, ...rows]));
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), { rounds: 3 });
  warnIfBusy();
  const model = await benchModel(options.model, join(options.cacheDir, 'bench'));
  const depths = DEPTHS.filter((depth) => depth + PREFILL_TOKENS <= model.package.manifest.contextLength);
  process.stderr.write('load\n');
  const rounds = options.rounds * LOADS_PER_ROUND;
  const load = await measureLoad(model.package.dir, { threads: options.threads, rounds });
  const results: DepthResult[] = [];
  for (const depth of depths) {
    process.stderr.write(`depth ${depth}\n`);
    results.push(await measureDepth(model, depth, options));
  }
  print(model, { load, depths: results }, options);
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify({ load, depths: results }, null, 2)}\n`);
}

await main();
