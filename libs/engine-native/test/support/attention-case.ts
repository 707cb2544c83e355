import type { Engine, KernelLevel, KvDtype, NativeKvPool, NativeModel, StepRequest } from '../../src/index.js';
import type { AttentionShape } from './attention-reference.js';
import { floats, inMemory, node, type TestGraph } from './graph.js';
import { randomFloats, stepOf } from './steps.js';

const PAGE = 16;

/** A graph whose token i has row i of `rows` as its packed q, k and v, with one attention layer: logits are its output. */
export function attentionGraph(shape: AttentionShape, rows: Float32Array): TestGraph {
  const columns = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
  const operands = { q_norm: shape.qNorm, k_norm: shape.kNorm, sinks: shape.sinks };
  const given = Object.entries(operands).filter(([, values]) => values !== null);
  const attributes = {
    layer: { i: 0 },
    num_heads: { i: shape.heads },
    kv_heads: { i: shape.kvHeads },
    head_dim: { i: shape.headDim },
    rope_dim: { i: shape.ropeDim },
    scale: { f: shape.scale },
    window: { i: shape.window },
    softcap: { f: shape.softcap },
    norm_eps: { f: shape.normEps },
  };
  const optional = Object.entries(operands).map(([name, values]) => (values === null ? '' : name));
  const rope = shape.ropeDim > 0 ? 'rope' : '';
  return {
    nodes: [
      node('Gather', ['rows', 'input_ids'], 'qkv', {}, ''),
      node('RopeTable', ['step_context'], 'rope'),
      node('PagedAttention', ['qkv', 'step_context', rope, ...optional], 'attended', attributes),
      node('Gather', ['attended', 'logit_rows'], 'logits', {}, ''),
    ],
    initializers: [
      floats('rows', [rows.length / columns, columns], rows),
      ...given.map(([name, values]) => floats(name, [values?.length ?? 0], values ?? new Float32Array(0))),
    ],
    width: shape.heads * shape.headDim,
  };
}

/** A prompt of the batch: rows [firstToken, firstToken + length) of the table, in pages of its own. */
export interface Sequence {
  firstToken: number;
  length: number;
  pages: readonly number[];
}

/** How many tokens each sequence advances in one step; 0 leaves it in the batch with nothing to do. */
export type Advance = readonly number[];

export interface AttentionCaseOptions {
  engine: Engine;
  shape: AttentionShape;
  /** Lengths of the prompts. */
  lengths: readonly number[];
  dtype: KvDtype;
  /** The engine's own where absent. */
  level?: KernelLevel;
  seed: number;
}

/** One attention layer over random prompts, with the pool all NaN at first. */
export class AttentionCase {
  readonly sequences: readonly Sequence[];
  readonly rows: Float32Array;
  readonly invFreq: Float32Array;
  readonly pool: NativeKvPool;
  readonly model: NativeModel;
  readonly #shape: AttentionShape;

  constructor({ engine, shape, lengths, dtype, level, seed }: AttentionCaseOptions) {
    const columns = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
    const starts = lengths.map((_, i) => lengths.slice(0, i).reduce((sum, length) => sum + length, 0));
    const pages = lengths.map((length) => Math.ceil(length / PAGE));
    const total = pages.reduce((sum, count) => sum + count, 0);
    const spare = 3;
    this.#shape = shape;
    this.rows = randomFloats(seed, lengths.reduce((sum, length) => sum + length, 0) * columns);
    this.invFreq = Float32Array.from({ length: shape.ropeDim / 2 }, (_, i) => 10000 ** ((-2 * i) / shape.ropeDim));
    // A step that is coprime to the number of pages scatters the prompts over the whole pool.
    const scattered = Array.from({ length: total }, (_, i) => (i * (total + spare - 1)) % (total + spare));
    this.sequences = lengths.map((length, i) => {
      const first = pages.slice(0, i).reduce((sum, count) => sum + count, 0);
      return { firstToken: starts[i] ?? 0, length, pages: scattered.slice(first, first + (pages[i] ?? 0)) };
    });
    const { kvHeads, headDim } = shape;
    this.pool = engine.createPool({ layers: 1, kvHeads, headDim, pages: total + spare, dtype });
    this.pool.poisonPages(Int32Array.from({ length: total + spare }, (_, i) => i));
    this.model = engine.createModel({
      ...inMemory(attentionGraph(shape, this.rows)),
      threads: 2,
      spin: false,
      ...(level === undefined ? {} : { kernels: { [`attention/${dtype}`]: level } }),
    });
  }

  /** The rows of one sequence, [length, columns]. */
  rowsOf(sequence: Sequence): Float32Array {
    const columns = (this.#shape.heads + 2 * this.#shape.kvHeads) * this.#shape.headDim;
    return this.rows.slice(sequence.firstToken * columns, (sequence.firstToken + sequence.length) * columns);
  }

  /** Runs `chosen` sequences through `schedule` from empty; returns the outputs of each, [length, heads headDim]. */
  async run(chosen: readonly Sequence[], schedule: readonly Advance[]): Promise<Float32Array[]> {
    const width = this.#shape.heads * this.#shape.headDim;
    const outputs = chosen.map(({ length }) => new Float32Array(length * width));
    const past = chosen.map(() => 0);
    for (const advance of schedule) {
      const { logits } = await this.model.step(this.pool, this.request(chosen, past, advance));
      if (logits === null) throw new Error('logits were asked for');
      let row = 0;
      chosen.forEach((_, b) => {
        const count = advance[b] ?? 0;
        outputs[b]?.set(logits.subarray(row * width, (row + count) * width), (past[b] ?? 0) * width);
        past[b] = (past[b] ?? 0) + count;
        row += count;
      });
    }
    return outputs;
  }

  /** A step that advances `chosen` from `past`, each by its share. */
  request(chosen: readonly Sequence[], past: readonly number[], advance: Advance): StepRequest {
    const tokenIds = chosen.flatMap(({ firstToken }, b) =>
      Array.from({ length: advance[b] ?? 0 }, (_, i) => firstToken + (past[b] ?? 0) + i),
    );
    const cuSeqlens = [0];
    for (const count of advance) cuSeqlens.push((cuSeqlens.at(-1) ?? 0) + count);
    const width = Math.max(...chosen.map(({ pages }) => pages.length)) + 1;
    const blockTable = new Int32Array(chosen.length * width).fill(-1);
    chosen.forEach(({ pages }, b) => blockTable.set(pages, b * width));
    return stepOf(tokenIds.length, {
      tokenIds: Int32Array.from(tokenIds),
      cuSeqlens: Int32Array.from(cuSeqlens),
      pastLens: Int32Array.from(past),
      blockTable,
      blockTableWidth: width,
      ropeInvFreq: Float32Array.from(
        { length: chosen.length * this.invFreq.length },
        (_, i) => this.invFreq[i % this.invFreq.length] ?? NaN,
      ),
      ropeScale: new Float32Array(chosen.length).fill(1),
      ropeClasses: 1,
    });
  }

  async dispose(): Promise<void> {
    await this.model.dispose();
    this.pool.dispose();
  }
}
