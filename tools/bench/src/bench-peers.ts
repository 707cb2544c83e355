import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PAGE_TOKENS } from '@longhaul/engine-native';
import { type BenchCase } from './cases.js';
import { type ColdPrompt, PROMPT_ANSWER_TOKENS, PROMPT_CHUNK_TOKENS, promptCaseNames } from './cold-prompt.js';
import { comparePrompts, type PromptPeer } from './compare-prompts.js';
import { type Comparison, compare, comparisonTable, type Round } from './compare.js';
import { benchModel, type BenchModel } from './models.js';
import { type BenchOptions, parseOptions } from './options.js';
import { peerBar } from './peer-bars.js';
import { installPeer } from './peer/install-peer.js';
import { installOpenVino, measureOpenVino, OPENVINO_SETTINGS } from './peer/openvino.js';
import { PEER_SETTINGS } from './peer/peer-side.js';
import { thisProcessor } from './processor.js';
import { warnIfBusy } from './report.js';
import { SideProcess } from './side-process.js';

/**
 * Longhaul against llama.cpp on one GGUF file, both with the same number of threads: every round measures all sides of
 * a case one after the other, so that a slow minute of the machine hits them alike. Then a whole prompt, read cold,
 * against OpenVINO GenAI on the same file.
 */
const HEADROOM_TOKENS = 1024;

/** What one run measures. */
interface Program {
  model: BenchModel;
  cases: readonly BenchCase[];
  /** Null where `--only` or the model leaves it out. */
  prompt: ColdPrompt | null;
  options: BenchOptions;
}

/** Tokens of KV that the largest case needs on our side. */
function poolTokens({ cases, prompt }: Program): number {
  const ofCases = cases.map((item) => (item.depth + item.tokens + PAGE_TOKENS) * item.sequences);
  const ofPrompt = prompt === null ? 0 : prompt.promptTokens + prompt.answerTokens;
  return Math.max(ofPrompt, ...ofCases) + HEADROOM_TOKENS;
}

function startOurs(program: Program): Promise<SideProcess> {
  const { threads, spin, kv } = program.options;
  const pages = Math.ceil(poolTokens(program) / PAGE_TOKENS);
  return SideProcess.start({ side: 'ours', packageDir: program.model.package.dir, threads, spin, kv, pages });
}

async function startLlama({ model, cases, options }: Program): Promise<ReadonlyMap<string, SideProcess>> {
  const peers = new Map<string, SideProcess>();
  if (cases.length === 0) return peers;
  const modulePath = installPeer(join(options.cacheDir, 'peers'));
  const maxDepth = Math.max(...cases.map((item) => item.depth));
  const vocab = model.package.manifest.shape.vocabSize;
  for (const [name, setting] of Object.entries(PEER_SETTINGS)) {
    const { threads } = options;
    const peer = { side: 'peer', modulePath, modelPath: model.gguf, threads, vocab, maxDepth, setting } as const;
    peers.set(name, await SideProcess.start(peer));
  }
  return peers;
}

async function measureRound(
  ours: SideProcess,
  llama: ReadonlyMap<string, SideProcess>,
  benchCase: BenchCase,
): Promise<Round> {
  const own = (await ours.measure(benchCase)).tokensPerSecond;
  const peers = new Map<string, number>();
  for (const [name, peer] of llama) peers.set(name, (await peer.measure(benchCase)).tokensPerSecond);
  return { ours: own, peers };
}

async function measureCases(program: Program): Promise<Comparison[]> {
  const { cases, options } = program;
  if (cases.length === 0) return [];
  const ours = await startOurs(program);
  const comparisons: Comparison[] = [];
  let llama: ReadonlyMap<string, SideProcess> = new Map();
  try {
    llama = await startLlama(program);
    for (const benchCase of cases) {
      const results: Round[] = [];
      for (let round = 0; round < options.rounds; round++) {
        process.stderr.write(`${benchCase.name}: round ${round + 1} of ${options.rounds}\n`);
        results.push(await measureRound(ours, llama, benchCase));
      }
      comparisons.push(compare({ name: benchCase.name, bar: barOf(program, benchCase.name) }, results));
    }
  } finally {
    await Promise.all([ours, ...llama.values()].map((side) => side.stop()));
  }
  return comparisons;
}

/** Once each, since one may take minutes; the sides one after the other, with no idle process of another beside them. */
async function measurePrompt(program: Program, prompt: ColdPrompt): Promise<Comparison[]> {
  const { model, options } = program;
  const { threads } = options;
  const python = installOpenVino(join(options.cacheDir, 'peers'));
  const vocab = model.package.manifest.shape.vocabSize;
  const side = await startOurs(program);
  process.stderr.write(`cold prompt of ${prompt.promptTokens} tokens: ours\n`);
  const ours = await side.read(prompt).finally(() => side.stop());
  const peers: PromptPeer[] = [];
  for (const setting of OPENVINO_SETTINGS) {
    process.stderr.write(`cold prompt of ${prompt.promptTokens} tokens: OpenVINO, ${setting}\n`);
    const times = await measureOpenVino({ python, modelPath: model.gguf, vocab, threads, setting }, prompt);
    peers.push({ name: `OpenVINO, ${setting}`, times, hasBar: setting === 'dense' });
  }
  return comparePrompts(prompt, { ours, peers, barOf: (name) => barOf(program, name) });
}

function barOf({ model, options }: Program, caseName: string): number | null {
  return model.hasPeerBars ? peerBar(caseName, thisProcessor(), options.kv) : null;
}

function planOf(model: BenchModel, options: BenchOptions): Program {
  const cases = model.cases.filter((item) => item.name.includes(options.only));
  const { promptTokens } = options;
  const prompt = { promptTokens, answerTokens: PROMPT_ANSWER_TOKENS, chunkTokens: PROMPT_CHUNK_TOKENS };
  const isPromptWanted =
    model.hasPeerBars && Object.values(promptCaseNames(prompt)).some((name) => name.includes(options.only));
  if (cases.length === 0 && !isPromptWanted) throw new Error(`--only: no case contains ${options.only}`);
  return { model, cases, prompt: isPromptWanted ? prompt : null, options };
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), { rounds: 3 });
  warnIfBusy();
  const model = await benchModel(options.model, join(options.cacheDir, 'bench'));
  const program = planOf(model, options);
  const comparisons = await measureCases(program);
  if (program.prompt !== null) comparisons.push(...(await measurePrompt(program, program.prompt)));
  const bars = model.hasPeerBars ? `bars for: ${thisProcessor()}` : 'no bars';
  console.log(
    `${model.name}, ${options.threads} threads; ours: int8 weights, ${options.kv} KV; peers: the same file; ${bars}`,
  );
  console.log(comparisonTable(comparisons));
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify(comparisons, null, 2)}\n`);
}

await main();
