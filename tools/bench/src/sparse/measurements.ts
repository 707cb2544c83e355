import { join } from 'node:path';
import { PAGE_TOKENS } from '@longhaul/engine-native';
import { type Measured } from '../cases.js';
import { type BenchModel } from '../models.js';
import { type BenchKv, type BenchOptions } from '../options.js';
import { installPeer } from '../peer/install-peer.js';
import { installOpenVino, measureOpenVino } from '../peer/openvino.js';
import { median } from '../report.js';
import { SideProcess } from '../side-process.js';
import { integrate, type RateAtDepth } from './integrate.js';
import { CHUNK_TOKENS, depthsOf } from './sparse-cases.js';

const DECODE_TOKENS = 24;
const SLACK_TOKENS = 2048;
const FOUR = 4;

/** Who measures: ours by the type of its KV, or llama.cpp. */
export type Who = BenchKv | 'llama.cpp';

/**
 * What the rows are made of. Nothing is measured twice, and nothing that no row asks for. One engine is open at a time, so
 * rows should ask for what one of them knows together.
 */
export class Measurements {
  readonly #model: BenchModel;
  readonly #options: BenchOptions;
  readonly #known = new Map<string, Promise<Measured>>();
  #open: { who: Who; side: SideProcess } | null = null;

  constructor(model: BenchModel, options: BenchOptions) {
    this.#model = model;
    this.#options = options;
  }

  /** A chunk of prefill at a depth. @param density undefined: dense. */
  prefill(who: Who, depth: number, density?: number): Promise<Measured> {
    return this.#measured(who, { kind: 'prefill', depth, sequences: 1, tokens: CHUNK_TOKENS }, density);
  }

  decode(who: Who, depth: number, density?: number): Promise<Measured> {
    return this.#measured(who, { kind: 'decode', depth, sequences: 1, tokens: DECODE_TOKENS }, density);
  }

  decodeFour(who: Who, depth: number, density?: number): Promise<Measured> {
    return this.#measured(who, { kind: 'decode', depth, sequences: FOUR, tokens: DECODE_TOKENS }, density);
  }

  /** Tokens per second of a whole prompt, from rates at depth. */
  async integrated(who: Who, tokens: number, density?: number): Promise<number> {
    const rates: RateAtDepth[] = [];
    for (const depth of depthsOf(tokens)) {
      rates.push({ depth, tokensPerSecond: (await this.prefill(who, depth, density)).tokensPerSecond });
    }
    return tokens / integrate(rates, tokens);
  }

  /** Tokens per second of a prompt that ours really reads. */
  async whole(who: BenchKv, tokens: number, density?: number): Promise<number> {
    const times = await this.#once(`whole ${who} ${tokens} ${density ?? 'dense'}`, async () => {
      const side = await this.#side(who);
      const prompt = { promptTokens: tokens, answerTokens: 2, chunkTokens: CHUNK_TOKENS };
      const read = await side.read(density === undefined ? prompt : { ...prompt, density });
      return { tokensPerSecond: tokens / read.firstTokenSeconds, rssBytes: 0 };
    });
    return times.tokensPerSecond;
  }

  /** Tokens per second of a prompt that OpenVINO reads with its sparse attention. */
  async openVino(tokens: number): Promise<number> {
    await this.close();
    const { threads, cacheDir } = this.#options;
    const python = installOpenVino(join(cacheDir, 'peers'));
    const vocab = this.#model.package.manifest.shape.vocabSize;
    const side = { python, modelPath: this.#model.gguf, vocab, threads, setting: 'xattention' } as const;
    const prompt = { promptTokens: tokens, answerTokens: 2, chunkTokens: CHUNK_TOKENS };
    this.#say(`OpenVINO XATTENTION, whole prompt of ${tokens}`);
    return tokens / (await measureOpenVino(side, prompt)).firstTokenSeconds;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.side.stop();
  }

  #measured(who: Who, item: Omit<Parameters<SideProcess['measure']>[0], 'name'>, density?: number): Promise<Measured> {
    const name = `${item.kind} ${item.sequences} x ${item.tokens} at ${item.depth}, ${density ?? 'dense'}`;
    return this.#once(`${who}: ${name}`, async () => {
      const side = await this.#side(who);
      const benchCase = density === undefined ? { ...item, name } : { ...item, name, density };
      // What llama.cpp takes for one of them at depth is a good part of a minute.
      const rounds = who === 'llama.cpp' ? 1 : this.#options.rounds;
      const all: Measured[] = [];
      for (let round = 0; round < rounds; round++) all.push(await side.measure(benchCase));
      const middle = median(all.map(({ tokensPerSecond }) => tokensPerSecond));
      const shares = all.map(({ selectionShare = 0 }) => selectionShare);
      return { tokensPerSecond: middle, rssBytes: 0, selectionShare: median(shares) };
    });
  }

  #once(key: string, measure: () => Promise<Measured>): Promise<Measured> {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#say(key);
    const fresh = measure();
    this.#known.set(key, fresh);
    return fresh;
  }

  async #side(who: Who): Promise<SideProcess> {
    if (this.#open?.who === who) return this.#open.side;
    await this.close();
    const side = await (who === 'llama.cpp' ? this.#startLlama() : this.#startOurs(who));
    this.#open = { who, side };
    return side;
  }

  #startOurs(kv: BenchKv): Promise<SideProcess> {
    const { threads, spin, lengths } = this.#options;
    const longest = Math.max(...lengths);
    const pages = (Math.max(longest, FOUR * Math.min(...lengths)) + SLACK_TOKENS) / PAGE_TOKENS;
    const packageDir = this.#model.package.dir;
    return SideProcess.start({ side: 'ours', packageDir, threads, spin, kv, pages, keyBounds: true });
  }

  #startLlama(): Promise<SideProcess> {
    const { threads, cacheDir, lengths } = this.#options;
    const modulePath = installPeer(join(cacheDir, 'peers'));
    const vocab = this.#model.package.manifest.shape.vocabSize;
    const setting = { flashAttention: true };
    const maxDepth = Math.max(...lengths);
    return SideProcess.start({
      side: 'peer',
      modulePath,
      modelPath: this.#model.gguf,
      threads,
      vocab,
      maxDepth,
      setting,
    });
  }

  #say(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}
