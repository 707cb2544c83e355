import { chooseKernels, levelsAsText } from '@longhaul/decode-worker';
import {
  loadEngine,
  type NativeKvPool,
  type NativeModel,
  PAGE_TOKENS,
  type StepRequest,
  type StepResult,
} from '@longhaul/engine-native';
import { loadGraph, type ModelManifest, openPackage } from '@longhaul/model';
import { type BenchCase, type Measured, someTokens, type Sparsity } from '../cases.js';
import { type ColdPrompt, type ColdPromptTimes, type PairedPrompt } from '../cold-prompt.js';
import { type BenchKv } from '../options.js';
import { type BenchSide } from '../side.js';
import { buildStep, type StepPart } from './build-step.js';
import { FixedDensity } from './fixed-density.js';
import { StepTimes } from './step-times.js';

export interface OursOptions {
  /** Directory of the model package. */
  packageDir: string;
  threads: number;
  spin: boolean;
  /** KV pages of the pool, PAGE_TOKENS tokens each. */
  pages: number;
  kv: BenchKv;
  /** Keeps what the policies score pages by; sparse cases need it. */
  keyBounds?: boolean;
}

/** Tokens really computed to fill the pool; the other pages are copies of theirs, every one of its own. */
const TILE_TOKENS = 512;
const WARM_TOKENS = 4;
type Attention = NonNullable<StepRequest['attention']>;

const SILENT = { info: () => undefined, warning: () => undefined };

/** The native engine on an imported package, driven step by step as the worker drives it. */
export class OursSide implements BenchSide {
  readonly #model: NativeModel;
  readonly #pool: NativeKvPool;
  readonly #pages: number;
  readonly #sparse: FixedDensity;
  readonly #threads: number;
  private constructor(
    readonly manifest: ModelManifest,
    parts: { model: NativeModel; pool: NativeKvPool; pages: number; threads: number; sparse: FixedDensity },
  ) {
    this.#model = parts.model;
    this.#pool = parts.pool;
    this.#pages = parts.pages;
    this.#sparse = parts.sparse;
    this.#threads = parts.threads;
  }

  static async open(options: OursOptions): Promise<OursSide> {
    const opened = await openPackage(options.packageDir);
    const { manifest } = opened;
    const engine = await loadEngine();
    const { layers, kvHeads, headDim } = manifest.shape;
    const { threads, spin, kv } = options;
    // As the worker chooses them, from the same record of this machine.
    const config = { kvCacheDtype: kv, threads };
    const kernels = (await chooseKernels({ engine, manifest, config, log: SILENT })).levels;
    process.stderr.write(`kernels of ours: ${levelsAsText(kernels)}\n`);
    const model = engine.createModel({ ...(await loadGraph(opened)), threads, spin, kernels });
    await model.ready;
    const { pages, keyBounds = false } = options;
    const metadata = keyBounds ? (['key-bounds'] as const) : [];
    const pool = engine.createPool({ layers, kvHeads, headDim, pages, dtype: kv, metadata });
    const side = new OursSide(manifest, {
      model,
      pool,
      pages,
      threads,
      sparse: new FixedDensity(engine, manifest, kv),
    });
    await side.#fill();
    return side;
  }

  get kvBytes(): number {
    return this.#pool.bytes;
  }

  async measure(benchCase: BenchCase): Promise<Measured> {
    const times = benchCase.kind === 'prefill' ? await this.#prefill(benchCase) : await this.#decode(benchCase);
    return times.measured(benchCase.tokens * benchCase.sequences, this.#threads);
  }

  /** Nothing of the prompt is known before: every token is computed, in chunks. */
  async read({ promptTokens, answerTokens, chunkTokens }: ColdPrompt): Promise<ColdPromptTimes> {
    const prompt = this.#prompt(promptTokens);
    const length = promptTokens + answerTokens;
    const [firstPage = 0] = this.#parts(1, length);
    const started = performance.now();
    let token = 0;
    for (let past = 0; past < promptTokens; past += chunkTokens) {
      const tokens = prompt.slice(past, past + chunkTokens);
      token = firstToken(await this.#step([{ tokens, past, firstPage }], length));
    }
    const first = performance.now();
    for (let past = promptTokens; past < length - 1; past++) {
      token = firstToken(await this.#step([{ tokens: [token], past, firstPage }], length));
    }
    const tokenSeconds = (performance.now() - first) / 1000 / (answerTokens - 1);
    return { firstTokenSeconds: (first - started) / 1000, tokenSeconds };
  }

  /** What the last variant makes of a chunk is the KV that all of them find before the next one. */
  async readPaired({ promptTokens, chunkTokens, variants }: PairedPrompt): Promise<readonly Measured[]> {
    const prompt = this.#prompt(promptTokens);
    const [firstPage = 0] = this.#parts(1, promptTokens);
    const timed = variants.map((variant) => ({ variant, times: new StepTimes() }));
    for (let past = 0; past < promptTokens; past += chunkTokens) {
      const parts = [{ tokens: prompt.slice(past, past + chunkTokens), past, firstPage }];
      for (const { variant, times } of timed) {
        const attention = this.#attention(parts, variant);
        await times.time(() => this.#step(parts, promptTokens, attention));
      }
    }
    return timed.map(({ times }) => times.measured(promptTokens, this.#threads));
  }

  async dispose(): Promise<void> {
    await this.#model.dispose();
    this.#pool.dispose();
  }

  /** Puts finite keys and values of the model itself into every page, so that any depth can be claimed. */
  async #fill(): Promise<void> {
    const tile = Math.min(TILE_TOKENS, this.#pages * PAGE_TOKENS);
    const tokens = someTokens(tile, this.manifest.shape.vocabSize);
    await this.#step([{ tokens, past: 0, firstPage: 0 }], tile);
    const tilePages = tile / PAGE_TOKENS;
    for (let page = tilePages; page < this.#pages; page++) this.#pool.copyPage(page % tilePages, page);
  }

  #prompt(tokens: number): number[] {
    return someTokens(tokens, this.manifest.shape.vocabSize, 13);
  }

  async #prefill({ depth, tokens, sequences, sparsity }: BenchCase): Promise<StepTimes> {
    const chunk = someTokens(tokens, this.manifest.shape.vocabSize, 7);
    const firstPages = this.#parts(sequences, depth + tokens);
    const parts = firstPages.map((firstPage) => ({ tokens: chunk, past: depth, firstPage }));
    const attention = this.#attention(parts, sparsity);
    const times = new StepTimes();
    await times.time(() => this.#step(parts, depth + tokens, attention));
    return times;
  }

  /** All sequences step together, each fed its own greedy token. */
  async #decode({ depth, tokens, sequences, sparsity }: BenchCase): Promise<StepTimes> {
    const length = depth + WARM_TOKENS + tokens;
    const firstPages = this.#parts(sequences, length);
    let next = someTokens(sequences, this.manifest.shape.vocabSize, 11);
    const before = firstPages.map((firstPage) => ({ tokens: [0], past: depth, firstPage }));
    const attention = this.#attention(before, sparsity);
    let times = new StepTimes();
    for (let i = 0; i < WARM_TOKENS + tokens; i++) {
      if (i === WARM_TOKENS) times = new StepTimes();
      const parts = firstPages.map((firstPage, b) => ({ tokens: [next[b] ?? 0], past: depth + i, firstPage }));
      const { samples } = await times.time(() => this.#step(parts, length, attention));
      next = samples.map((sample) => sample.token);
    }
    return times;
  }

  #attention(parts: readonly StepPart[], sparsity: Sparsity | 'dense' = 'dense'): Attention {
    return sparsity === 'dense' ? [] : this.#sparse.of(parts, sparsity);
  }

  /** First page of each sequence; the ranges never overlap. */
  #parts(sequences: number, length: number): number[] {
    const each = Math.ceil(length / PAGE_TOKENS);
    if (each * sequences > this.#pages)
      throw new Error(`${sequences} x ${length} tokens do not fit ${this.#pages} pages`);
    return Array.from({ length: sequences }, (_, b) => b * each);
  }

  #step(parts: readonly StepPart[], lengthTokens: number, attention: Attention = []): Promise<StepResult> {
    return this.#model.step(this.#pool, buildStep(this.manifest, parts, { lengthTokens, attention }));
  }
}

function firstToken({ samples }: StepResult): number {
  return samples[0]?.token ?? 0;
}
