import { rmSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchCase, type Measured, someTokens } from '../cases.js';
import { type BenchSide } from '../side.js';
import { type PeerContext, type PeerModel, type PeerModule, type PeerSequence } from './peer-types.js';
import { repeatState } from './sequence-state.js';

/** What llama.cpp is measured with; the best of them counts. KV is f16 always: quantised KV is slower on a CPU. */
export interface PeerSetting {
  flashAttention: boolean;
  /** Physical batch; llama-bench's default of 512 when absent. Without flash attention memory grows with it times the depth. */
  batchTokens?: number;
}

/** By the name that tables call them. */
export const PEER_SETTINGS = {
  'llama.cpp, fa on': { flashAttention: true },
  'llama.cpp, fa off': { flashAttention: false },
} as const satisfies Readonly<Record<string, PeerSetting>>;

export interface PeerOptions {
  /** ES module of the installed node-llama-cpp. */
  modulePath: string;
  modelPath: string;
  threads: number;
  vocab: number;
  /** Deepest context that will be asked for. */
  maxDepth: number;
  setting: PeerSetting;
}

/** Tokens really computed to make a state; deeper ones repeat its cells. */
const TILE_TOKENS = 512;
const BATCH_TOKENS = 512;
const WARM_TOKENS = 4;
const HEADROOM = 1024;

/** llama.cpp through node-llama-cpp, on one model file with one setting. */
export class PeerSide implements BenchSide {
  readonly #model: PeerModel;
  readonly #options: PeerOptions;
  readonly #stateDir: string;
  readonly #contexts = new Map<number, { context: PeerContext; sequences: PeerSequence[] }>();

  private constructor(model: PeerModel, options: PeerOptions, stateDir: string) {
    this.#model = model;
    this.#options = options;
    this.#stateDir = stateDir;
  }

  static async open(options: PeerOptions): Promise<PeerSide> {
    const peer = (await import(options.modulePath)) as PeerModule;
    const llama = await peer.getLlama({ gpu: false, build: 'never', maxThreads: options.threads, logLevel: 'error' });
    const model = await llama.loadModel({ modelPath: options.modelPath });
    const stateDir = await mkdtemp(join(tmpdir(), 'longhaul-peer-'));
    removeAtEnd(stateDir);
    return new PeerSide(model, options, stateDir);
  }

  async measure(benchCase: BenchCase): Promise<Measured> {
    const sequences = await this.#sequences(benchCase.sequences, benchCase.depth);
    for (const sequence of sequences) await this.#toDepth(sequence, benchCase);
    const ms =
      benchCase.kind === 'prefill'
        ? await this.#prefill(sequences, benchCase)
        : await this.#decode(sequences, benchCase);
    const tokens = benchCase.tokens * benchCase.sequences;
    return { tokensPerSecond: (tokens * 1000) / ms, rssBytes: process.memoryUsage.rss() };
  }

  async dispose(): Promise<void> {
    for (const { context } of this.#contexts.values()) await context.dispose();
    await this.#model.dispose();
    await rm(this.#stateDir, { recursive: true, force: true });
  }

  /** One context per number of sequences, warmed up. */
  async #sequences(count: number, depth: number): Promise<PeerSequence[]> {
    const known = this.#contexts.get(count);
    if (known) return known.sequences;
    const { threads, setting, maxDepth } = this.#options;
    const context = await this.#model.createContext({
      contextSize: (count === 1 ? maxDepth : depth) + HEADROOM,
      sequences: count,
      batchSize: setting.batchTokens ?? BATCH_TOKENS,
      threads: { ideal: threads, min: threads },
      flashAttention: setting.flashAttention,
    });
    const sequences = Array.from({ length: count }, () => context.getSequence());
    this.#contexts.set(count, { context, sequences });
    await this.#saveTile(sequences[0], count);
    return sequences;
  }

  async #saveTile(sequence: PeerSequence | undefined, count: number): Promise<void> {
    if (!sequence) throw new Error('a context without sequences');
    await sequence.evaluateWithoutGeneratingNewTokens(someTokens(TILE_TOKENS, this.#options.vocab));
    await sequence.saveStateToFile(this.#tilePath(count));
  }

  #tilePath(count: number): string {
    return join(this.#stateDir, `tile-${count}.bin`);
  }

  async #toDepth(sequence: PeerSequence, { depth, sequences }: BenchCase): Promise<void> {
    await sequence.clearHistory();
    if (depth === 0) return;
    const path = join(this.#stateDir, `depth-${depth}-${sequences}.bin`);
    const known = await stat(path).catch(() => null);
    if (!known) await repeatState(this.#tilePath(sequences), path, depth);
    await sequence.loadStateFromFile(path, { acceptRisk: true });
    if (sequence.nextTokenIndex !== depth)
      throw new Error(`the peer is at ${sequence.nextTokenIndex}, not at depth ${depth}`);
  }

  async #prefill(sequences: PeerSequence[], { tokens }: BenchCase): Promise<number> {
    const chunk = someTokens(tokens, this.#options.vocab, 7);
    const started = performance.now();
    await Promise.all(sequences.map((sequence) => sequence.evaluateWithoutGeneratingNewTokens(chunk)));
    return performance.now() - started;
  }

  /** All sequences step together, each fed its own greedy token. */
  async #decode(sequences: PeerSequence[], { tokens }: BenchCase): Promise<number> {
    const first = someTokens(sequences.length, this.#options.vocab, 11);
    const streams = sequences.map((sequence, i) =>
      sequence.evaluate([first[i] ?? 0], { temperature: 0, yieldEogToken: true }),
    );
    const step = async (): Promise<void> => void (await Promise.all(streams.map((stream) => stream.next())));
    for (let i = 0; i < WARM_TOKENS; i++) await step();
    const started = performance.now();
    for (let i = 0; i < tokens; i++) await step();
    const ms = performance.now() - started;
    await Promise.all(streams.map((stream) => stream.return()));
    return ms;
  }
}

/** States of deep contexts are gigabytes: they go with the process, also where a signal ends it in the middle of a step. */
function removeAtEnd(directory: string): void {
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', remove);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      remove();
      process.kill(process.pid, 'SIGKILL');
    });
  }
}
