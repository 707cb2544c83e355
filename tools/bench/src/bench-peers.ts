import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PAGE_TOKENS } from '@longhaul/engine-native';
import { type BenchCase } from './cases.js';
import { type Comparison, compare, comparisonTable, type Round } from './compare.js';
import { benchModel, type BenchModel } from './models.js';
import { type BenchOptions, parseOptions } from './options.js';
import { installPeer } from './peer/install-peer.js';
import { warnIfBusy } from './report.js';
import { SideProcess } from './side-process.js';

/**
 * Longhaul against llama.cpp on one GGUF file, both with the same number of threads: every round measures all sides of
 * a case one after the other, so that a slow minute of the machine hits them alike.
 */
const HEADROOM_TOKENS = 1024;
const PEER_SETTINGS = [
  { name: 'fa on', flashAttention: true },
  { name: 'fa off', flashAttention: false },
];

/** Tokens of KV that the largest case needs on our side. */
function poolTokens(cases: readonly BenchCase[]): number {
  return Math.max(...cases.map((item) => (item.depth + item.tokens + PAGE_TOKENS) * item.sequences)) + HEADROOM_TOKENS;
}

interface Sides {
  ours: SideProcess;
  peers: ReadonlyMap<string, SideProcess>;
}

async function startSides(model: BenchModel, cases: readonly BenchCase[], options: BenchOptions): Promise<Sides> {
  const modulePath = installPeer(join(options.cacheDir, 'peers'));
  const { threads, spin } = options;
  const pages = Math.ceil(poolTokens(cases) / PAGE_TOKENS);
  const ours = await SideProcess.start({ side: 'ours', packageDir: model.package.dir, threads, spin, pages });
  const peers = new Map<string, SideProcess>();
  const maxDepth = Math.max(...cases.map((item) => item.depth));
  const vocab = model.package.manifest.shape.vocabSize;
  for (const { name, flashAttention } of PEER_SETTINGS) {
    const setting = { flashAttention };
    const peer = { side: 'peer', modulePath, modelPath: model.gguf, threads, vocab, maxDepth, setting } as const;
    peers.set(name, await SideProcess.start(peer));
  }
  return { ours, peers };
}

async function measureRound(sides: Sides, benchCase: BenchCase): Promise<Round> {
  const ours = (await sides.ours.measure(benchCase)).tokensPerSecond;
  const peers = new Map<string, number>();
  for (const [name, peer] of sides.peers) peers.set(name, (await peer.measure(benchCase)).tokensPerSecond);
  return { ours, peers };
}

async function measureCase(sides: Sides, benchCase: BenchCase, rounds: number): Promise<Comparison> {
  const results: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    process.stderr.write(`${benchCase.name}: round ${round + 1} of ${rounds}\n`);
    results.push(await measureRound(sides, benchCase));
  }
  return compare(benchCase, results);
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), { rounds: 3 });
  warnIfBusy();
  const model = await benchModel(options.model, join(options.cacheDir, 'bench'));
  const cases = model.cases.filter((item) => item.name.includes(options.only));
  if (cases.length === 0) throw new Error(`--only: no case contains ${options.only}`);
  const sides = await startSides(model, cases, options);
  const comparisons: Comparison[] = [];
  try {
    for (const benchCase of cases) comparisons.push(await measureCase(sides, benchCase, options.rounds));
  } finally {
    await Promise.all([sides.ours, ...sides.peers.values()].map((side) => side.stop()));
  }
  console.log(
    `${model.name}, ${options.threads} threads; ours: int8 weights, bf16 KV; llama.cpp: the same file, f16 KV`,
  );
  console.log(comparisonTable(comparisons));
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify(comparisons, null, 2)}\n`);
}

await main();
