import {
  loadEngine,
  PAGE_TOKENS,
  type Engine,
  type KvDtype,
  type KvMetadataChannel,
  type NativeAttentionProbe,
  type NativeKvPool,
  type NativeModel,
  type NativeSequenceAttention,
  type StepRequest,
} from '@longhaul/engine-native';

/** What the runner needs of a model package. */
export interface RunnablePackage {
  /** What the engine loads. */
  graph: { graph: Uint8Array; weightsDir: string };
  manifest: {
    shape: { layers: number; kvHeads: number; headDim: number; vocabSize: number };
    ropeClasses: readonly { dim: number }[];
  };
  /** Rope tables of every class for a sequence that may grow to `lengthTokens`. */
  ropeTables(lengthTokens: number): readonly { invFreq: Float32Array; scale: number }[];
}

export interface RunnerOptions {
  /** The engine of the process by default. */
  engine?: Engine;
  model: RunnablePackage;
  kv: KvDtype;
  /** Tokens of the KV pool. */
  poolTokens: number;
  /** What the pool keeps for policies that choose pages; nothing by default. */
  metadata?: readonly KvMetadataChannel[];
  /** 1 by default. */
  threads?: number;
  /** Spin while waiting for work; false by default. */
  spin?: boolean;
}

/** A sequence of a runner: its tokens in the pool, and where they lie. */
export interface RunnerSequence {
  length: number;
  readonly pages: number[];
  readonly tables: readonly { invFreq: Float32Array; scale: number }[];
  /** Null is dense. */
  readonly attention: SequencePolicy | null;
}

/** The attention of a sequence under a policy. The runner frees its state with the sequence. */
export interface SequencePolicy {
  readonly state: NativeSequenceAttention;
  /** Tokens of the prompt: positions from there on are decode. */
  readonly decodeFrom: number;
}

/** New tokens of one sequence in a step. */
export interface RunnerChunk {
  sequence: RunnerSequence;
  tokens: readonly number[];
  /** Which of the new tokens' logits are wanted, by index into `tokens`, ascending. */
  logitsOf: readonly number[];
}

/**
 * Runs a model package without a scheduler: sequences, pages and steps by hand. For golden tests and benchmarks.
 * Pages are handed out in a scrambled order, so nothing can depend on them being adjacent.
 */
export class PackageRunner {
  readonly #model: NativeModel;
  readonly #pool: NativeKvPool;
  readonly #package: RunnablePackage;
  readonly #freePages: number[];

  private constructor(options: RunnerOptions, engine: Engine, model: NativeModel) {
    const { layers, kvHeads, headDim } = options.model.manifest.shape;
    const pages = Math.ceil(options.poolTokens / PAGE_TOKENS);
    this.#package = options.model;
    this.#model = model;
    const metadata = options.metadata === undefined ? {} : { metadata: options.metadata };
    this.#pool = engine.createPool({ layers, kvHeads, headDim, pages, dtype: options.kv, ...metadata });
    this.#freePages = Array.from({ length: pages }, (_, i) => (i % 2 === 0 ? i / 2 : pages - (i + 1) / 2));
  }

  /** Loads the package; resolves when the session is there. */
  static async open(options: RunnerOptions): Promise<PackageRunner> {
    const { model, threads = 1, spin = false } = options;
    const engine = options.engine ?? (await loadEngine());
    const native = engine.createModel({ ...model.graph, threads, spin });
    await native.ready;
    return new PackageRunner(options, engine, native);
  }

  /** Bytes of the KV pool. */
  get poolBytes(): number {
    return this.#pool.bytes;
  }

  /** @param lengthTokens the longest it may become. */
  createSequence(lengthTokens: number, attention: SequencePolicy | null = null): RunnerSequence {
    return { length: 0, pages: [], tables: this.#package.ropeTables(lengthTokens), attention };
  }

  /** Gives the pages of a sequence back, and ends its attention. */
  release(sequence: RunnerSequence): void {
    sequence.attention?.state.dispose();
    this.#freePages.push(...sequence.pages.splice(0));
    sequence.length = 0;
  }

  /**
   * One step over several sequences.
   *
   * @param probe looks at its attention; none by default.
   * @returns the wanted logits, [rows, vocab], in the order of the chunks.
   */
  async step(chunks: readonly RunnerChunk[], probe?: NativeAttentionProbe): Promise<Float32Array> {
    for (const { sequence, tokens } of chunks) this.#reserve(sequence, tokens.length);
    const request = this.#request(chunks);
    const result = await this.#model.step(this.#pool, probe === undefined ? request : { ...request, probe });
    for (const { sequence, tokens } of chunks) sequence.length += tokens.length;
    return result.logits ?? new Float32Array(0);
  }

  /**
   * Logits of a prompt that is computed in chunks.
   *
   * @param chunkTokens sizes of the chunks, repeated until the prompt ends.
   * @param positions ascending positions of the prompt. @returns [positions, vocab].
   */
  async promptLogits(
    tokens: readonly number[],
    chunkTokens: readonly number[],
    positions: readonly number[],
  ): Promise<Float32Array> {
    const { vocabSize } = this.#package.manifest.shape;
    const result = new Float32Array(positions.length * vocabSize);
    const sequence = this.createSequence(tokens.length);
    let filled = 0;
    for (let chunk = 0; sequence.length < tokens.length; chunk++) {
      const from = sequence.length;
      const part = tokens.slice(from, from + (chunkTokens[chunk % chunkTokens.length] ?? 1));
      const wanted = positions.filter((at) => at >= from && at < from + part.length).map((at) => at - from);
      const rows = await this.step([{ sequence, tokens: part, logitsOf: wanted }]);
      result.set(rows.subarray(0, wanted.length * vocabSize), filled);
      filled += wanted.length * vocabSize;
    }
    this.release(sequence);
    return result;
  }

  /** Continues a prompt greedily. */
  async greedy(prompt: readonly number[], count: number, chunkTokens = 512): Promise<readonly number[]> {
    const sequence = this.createSequence(prompt.length + count);
    const output: number[] = [];
    let next = prompt.slice(0, chunkTokens);
    while (output.length < count) {
      const last = sequence.length + next.length >= prompt.length;
      const logits = await this.step([{ sequence, tokens: next, logitsOf: last ? [next.length - 1] : [] }]);
      if (last) {
        output.push(indexOfLargest(logits));
        next = output.slice(-1);
      } else {
        next = prompt.slice(sequence.length, sequence.length + chunkTokens);
      }
    }
    this.release(sequence);
    return output;
  }

  async dispose(): Promise<void> {
    await this.#model.dispose();
    this.#pool.dispose();
  }

  #reserve(sequence: RunnerSequence, newTokens: number): void {
    while (sequence.pages.length * PAGE_TOKENS < sequence.length + newTokens) {
      const page = this.#freePages.shift();
      if (page === undefined) throw new RangeError('the runner has no free pages');
      sequence.pages.push(page);
    }
  }

  #request(chunks: readonly RunnerChunk[]): StepRequest {
    const width = Math.max(...chunks.map(({ sequence }) => sequence.pages.length));
    const blockTable = new Int32Array(chunks.length * width);
    const cuSeqlens = [0];
    const logitRows: number[] = [];
    chunks.forEach(({ sequence, tokens, logitsOf }, index) => {
      blockTable.set(sequence.pages, index * width);
      const start = cuSeqlens.at(-1) ?? 0;
      logitRows.push(...logitsOf.map((row) => start + row));
      cuSeqlens.push(start + tokens.length);
    });
    // The last row stands in where no logits are wanted: a step computes one row at least.
    if (logitRows.length === 0) logitRows.push((cuSeqlens.at(-1) ?? 1) - 1);
    return {
      tokenIds: Int32Array.from(chunks.flatMap(({ tokens }) => tokens)),
      cuSeqlens: Int32Array.from(cuSeqlens),
      pastLens: Int32Array.from(chunks, ({ sequence }) => sequence.length),
      blockTable,
      blockTableWidth: width,
      ...this.#rope(chunks),
      attention: chunks.flatMap(({ sequence: { attention } }, index) =>
        attention === null ? [] : [{ sequence: index, ...attention }],
      ),
      logitRows: Int32Array.from(logitRows),
      samples: [],
      scores: [],
      wantLogits: true,
    };
  }

  #rope(chunks: readonly RunnerChunk[]): Pick<StepRequest, 'ropeInvFreq' | 'ropeScale' | 'ropeClasses'> {
    const { ropeClasses } = this.#package.manifest;
    const pairs = Math.max(...ropeClasses.map((rope) => rope.dim)) / 2;
    const ropeInvFreq = new Float32Array(ropeClasses.length * chunks.length * pairs);
    const ropeScale = new Float32Array(ropeClasses.length * chunks.length);
    ropeClasses.forEach((_, ropeClass) =>
      chunks.forEach(({ sequence }, index) => {
        const row = ropeClass * chunks.length + index;
        const table = sequence.tables[ropeClass];
        if (!table) return;
        ropeInvFreq.set(table.invFreq, row * pairs);
        ropeScale[row] = table.scale;
      }),
    );
    return { ropeInvFreq, ropeScale, ropeClasses: ropeClasses.length };
  }
}

/** Index of the largest value; the first of equals. */
export function indexOfLargest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}
