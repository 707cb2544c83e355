import { chooseKernels, levelsAsText } from '@longhaul/decode-worker';
import { loadEngine, type NativeKvPool, type NativeModel, PAGE_TOKENS, type StepResult } from '@longhaul/engine-native';
import { loadGraph, type ModelManifest, openPackage } from '@longhaul/model';
import { type BenchCase, type Measured, someTokens } from '../cases.js';
import { type ColdPrompt, type ColdPromptTimes } from '../cold-prompt.js';
import { type BenchKv } from '../options.js';
import { type BenchSide } from '../side.js';
import { buildStep, type StepPart } from './build-step.js';

export interface OursOptions {
  /** Directory of the model package. */
  packageDir: string;
  threads: number;
  spin: boolean;
  /** KV pages of the pool, PAGE_TOKENS tokens each. */
  pages: number;
  kv: BenchKv;
}

/** Tokens really computed to fill the pool; the other pages are copies of theirs, every one of its own. */
const TILE_TOKENS = 512;
const WARM_TOKENS = 4;
const SILENT = { info: () => undefined, warning: () => undefined };

/** The native engine on an imported package, driven step by step as the worker drives it. */
export class OursSide implements BenchSide {
  readonly #model: NativeModel;
  readonly #pool: NativeKvPool;
  readonly #pages: number;
  private constructor(
    readonly manifest: ModelManifest,
    model: NativeModel,
    pool: NativeKvPool,
    pages: number,
  ) {
    this.#model = model;
    this.#pool = pool;
    this.#pages = pages;
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
    const pool = engine.createPool({ layers, kvHeads, headDim, pages: options.pages, dtype: kv });
    const side = new OursSide(manifest, model, pool, options.pages);
    await side.#fill();
    return side;
  }

  get kvBytes(): number {
    return this.#pool.bytes;
  }

  async measure(benchCase: BenchCase): Promise<Measured> {
    const ms = benchCase.kind === 'prefill' ? await this.#prefill(benchCase) : await this.#decode(benchCase);
    const tokens = benchCase.tokens * benchCase.sequences;
    return { tokensPerSecond: (tokens * 1000) / ms, rssBytes: process.memoryUsage.rss() };
  }

  /** Nothing of the prompt is known before: every token is computed, in chunks. */
  async read({ promptTokens, answerTokens, chunkTokens }: ColdPrompt): Promise<ColdPromptTimes> {
    const prompt = someTokens(promptTokens, this.manifest.shape.vocabSize, 13);
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

  async #prefill({ depth, tokens, sequences }: BenchCase): Promise<number> {
    const chunk = someTokens(tokens, this.manifest.shape.vocabSize, 7);
    const parts = this.#parts(sequences, depth + tokens).map((firstPage) => ({
      tokens: chunk,
      past: depth,
      firstPage,
    }));
    const started = performance.now();
    await this.#step(parts, depth + tokens);
    return performance.now() - started;
  }

  /** All sequences step together, each fed its own greedy token. */
  async #decode({ depth, tokens, sequences }: BenchCase): Promise<number> {
    const length = depth + WARM_TOKENS + tokens;
    const firstPages = this.#parts(sequences, length);
    let next = someTokens(sequences, this.manifest.shape.vocabSize, 11);
    let started = 0;
    for (let i = 0; i < WARM_TOKENS + tokens; i++) {
      if (i === WARM_TOKENS) started = performance.now();
      const parts = firstPages.map((firstPage, b) => ({ tokens: [next[b] ?? 0], past: depth + i, firstPage }));
      const { samples } = await this.#step(parts, length);
      next = samples.map((sample) => sample.token);
    }
    return performance.now() - started;
  }

  /** First page of each sequence; the ranges never overlap. */
  #parts(sequences: number, length: number): number[] {
    const each = Math.ceil(length / PAGE_TOKENS);
    if (each * sequences > this.#pages)
      throw new Error(`${sequences} x ${length} tokens do not fit ${this.#pages} pages`);
    return Array.from({ length: sequences }, (_, b) => b * each);
  }

  #step(parts: readonly StepPart[], length: number): Promise<StepResult> {
    return this.#model.step(this.#pool, buildStep(this.manifest, parts, length));
  }
}

function firstToken({ samples }: StepResult): number {
  return samples[0]?.token ?? 0;
}
