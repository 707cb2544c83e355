import { join } from 'node:path';
import { PAGE_TOKENS } from '@longhaul/engine-native';
import { type Measured } from '../cases.js';
import { type BenchModel } from '../models.js';
import { type BenchKv, BENCH_KV_TYPES } from '../options.js';
import { installPeer } from '../peer/install-peer.js';
import { installOpenVino, measureOpenVino } from '../peer/openvino.js';
import { PEER_SETTINGS } from '../peer/peer-side.js';
import { SideProcess } from '../side-process.js';
import { type SparseOptions } from './options.js';
import { CHUNK_TOKENS, SHORTEST_TOKENS } from './sparse-cases.js';

export type LlamaSetting = keyof typeof PEER_SETTINGS;

/** Who measures: ours by the type of its KV, or llama.cpp by its setting. */
export type Who = BenchKv | LlamaSetting;

/** The engines that rows are measured with. */
export interface Engines {
  /** Opened where it is not open yet. */
  side(who: Who): Promise<Pick<SideProcess, 'measure' | 'readPaired'>>;
  /** A whole prompt under OpenVINO's sparse attention, in a process of its own. */
  openVino(tokens: number): Promise<Measured>;
}

/** Sequences that decode together, where several do. */
export const FOUR = 4;
const SLACK_TOKENS = 2048;
/** Without flash attention only decoding is measured, and a larger batch would reserve gigabytes at depth. */
const PLAIN_BATCH_TOKENS = 64;

/** Each in a process of its own; as many stay open as `keepOnly` says. */
export class EngineProcesses implements Engines {
  readonly #model: BenchModel;
  readonly #options: SparseOptions;
  readonly #open = new Map<Who, SideProcess>();

  constructor(model: BenchModel, options: SparseOptions) {
    this.#model = model;
    this.#options = options;
  }

  async side(who: Who): Promise<SideProcess> {
    const known = this.#open.get(who);
    if (known?.isRunning === true) return known;
    const side = await (isOurs(who) ? this.#startOurs(who) : this.#startLlama(who));
    this.#open.set(who, side);
    return side;
  }

  async openVino(tokens: number): Promise<Measured> {
    const { threads, cacheDir } = this.#options;
    const python = installOpenVino(join(cacheDir, 'peers'));
    const vocab = this.#model.package.manifest.shape.vocabSize;
    const options = { python, modelPath: this.#model.gguf, vocab, threads, setting: 'xattention' } as const;
    const prompt = { promptTokens: tokens, answerTokens: 2, chunkTokens: CHUNK_TOKENS };
    const { firstTokenSeconds } = await measureOpenVino(options, prompt);
    return { tokensPerSecond: tokens / firstTokenSeconds, rssBytes: 0 };
  }

  /** Ends the others: idle threads of theirs would disturb, and their memory is wanted. */
  async keepOnly(wanted: readonly Who[]): Promise<void> {
    for (const [who, side] of this.#open) {
      if (wanted.includes(who)) continue;
      this.#open.delete(who);
      await side.stop();
    }
  }

  #startOurs(kv: BenchKv): Promise<SideProcess> {
    const { threads, spin, lengths } = this.#options;
    const packageDir = this.#model.package.dir;
    const pages = (poolTokens(lengths.map(({ tokens }) => tokens)) + SLACK_TOKENS) / PAGE_TOKENS;
    return SideProcess.start({ side: 'ours', packageDir, threads, spin, kv, pages, keyBounds: true });
  }

  #startLlama(who: LlamaSetting): Promise<SideProcess> {
    const { threads, cacheDir, lengths } = this.#options;
    const modulePath = installPeer(join(cacheDir, 'peers'));
    const vocab = this.#model.package.manifest.shape.vocabSize;
    const maxDepth = Math.max(...lengths.map(({ tokens }) => tokens));
    const chosen = PEER_SETTINGS[who];
    const setting = chosen.flashAttention ? chosen : { ...chosen, batchTokens: PLAIN_BATCH_TOKENS };
    const peer = { side: 'peer', modulePath, threads, vocab, maxDepth, setting } as const;
    return SideProcess.start({ ...peer, modelPath: this.#model.gguf });
  }
}

function poolTokens(lengths: readonly number[]): number {
  const several = lengths.includes(SHORTEST_TOKENS) ? FOUR * SHORTEST_TOKENS : 0;
  return Math.max(...lengths, several);
}

export function isOurs(who: Who): who is BenchKv {
  return BENCH_KV_TYPES.some((kv) => kv === who);
}
