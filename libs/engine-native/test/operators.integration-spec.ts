import { beforeAll, describe, expect, it } from '@jest/globals';
import { ElementType } from '@longhaul/onnx';
import { loadEngine, type Engine, type StepRequest } from '../src/index.js';
import { bytes, floats, halves, node, type TestGraph } from './support/graph.js';
import { maxDifference, randomFloats, runOnce, stepOf } from './support/steps.js';

let engine: Engine;

beforeAll(async () => {
  engine = await loadEngine();
});

async function rowsOf(graph: TestGraph, request: StepRequest): Promise<Float32Array> {
  const { logits } = await runOnce({ engine, graph }, request);
  if (logits === null) throw new Error('logits were asked for');
  return logits;
}

describe('RopeTable', () => {
  const classes = 2;
  const pairs = 24;
  const graph: TestGraph = {
    nodes: [
      { ...node('RopeTable', ['step_context'], 'rope'), outputs: ['rope.0', 'rope.1'] },
      node('Concat', ['rope.0', 'rope.1'], 'logits', { axis: { i: 1 } }, ''),
    ],
    width: classes * 2 * pairs,
  };

  function request(pastLens: readonly number[], counts: readonly number[]): StepRequest {
    const cuSeqlens = [0];
    for (const count of counts) cuSeqlens.push((cuSeqlens.at(-1) ?? 0) + count);
    const tokens = cuSeqlens.at(-1) ?? 0;
    const width = Math.max(...pastLens.map((past, b) => Math.ceil((past + (counts[b] ?? 0)) / 16)));
    const blockTable = new Int32Array(pastLens.length * width);
    pastLens.forEach((past, b) => {
      const first = past >> 4;
      const last = Math.ceil((past + (counts[b] ?? 0)) / 16);
      for (let page = first; page < last; page++) blockTable[b * width + page] = b * 8 + page - first;
    });
    const rows = classes * pastLens.length;
    return stepOf(tokens, {
      cuSeqlens: Int32Array.from(cuSeqlens),
      pastLens: Int32Array.from(pastLens),
      blockTable,
      blockTableWidth: width,
      ropeInvFreq: Float32Array.from(
        { length: rows * pairs },
        (_, i) => (1 + (i % 7)) ** -2 * 10000 ** -((i % pairs) / pairs),
      ),
      ropeScale: Float32Array.from({ length: rows }, (_, i) => 1 + i / 4),
      ropeClasses: classes,
    });
  }

  function expected(step: StepRequest): number[] {
    const batch = step.pastLens.length;
    const result: number[] = [];
    for (let t = 0; t < step.tokenIds.length; t++) {
      const b = step.cuSeqlens.findLastIndex((start, i) => i < batch && start <= t && (step.cuSeqlens[i + 1] ?? 0) > t);
      const position = (step.pastLens[b] ?? 0) + t - (step.cuSeqlens[b] ?? 0);
      for (let c = 0; c < classes; c++) {
        const row = c * batch + b;
        const angles = [...step.ropeInvFreq.subarray(row * pairs, (row + 1) * pairs)].map((f) => f * position);
        const scale = step.ropeScale[row] ?? NaN;
        result.push(...angles.map((a) => Math.cos(a) * scale), ...angles.map((a) => Math.sin(a) * scale));
      }
    }
    return result;
  }

  it('gives every token the cosines and sines of its own position, class and sequence', async () => {
    const step = request([0, 5, 40], [33, 1, 7]);
    expect(maxDifference(await rowsOf(graph, step), expected(step))).toBeLessThan(2e-7);
  });

  it('refuses a step with another number of classes than the graph has outputs', async () => {
    const step = { ...request([0], [2]), ropeClasses: 1, ropeScale: Float32Array.of(1) };
    await expect(rowsOf(graph, { ...step, ropeInvFreq: step.ropeInvFreq.slice(0, pairs) })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('ropeClasses: the graph needs 2, got 1'),
    });
  });

  it('stays exact at positions beyond a million', async () => {
    const step = request([1_500_000, 3_000_001], [2, 1]);
    expect(maxDifference(await rowsOf(graph, step), expected(step))).toBeLessThan(2e-7);
  });
});

describe('GatedActivation', () => {
  const references: readonly ((x: number) => number)[] = [
    (x) => x / (1 + Math.exp(-x)),
    (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  ];

  /** Simpson's rule: good to 1e-8 for the arguments used here. */
  function erf(x: number): number {
    const steps = 200;
    let sum = 0;
    for (let i = 0; i <= steps; i++) {
      const t = (x * i) / steps;
      sum += Math.exp(-t * t) * (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2);
    }
    return ((2 / Math.sqrt(Math.PI)) * sum * x) / (3 * steps);
  }

  const shapes: readonly (readonly [number, number])[] = [
    [1, 1],
    [3, 7],
    [5, 160],
    [2, 8200],
    [40, 33],
  ];
  it.each([0, 1, 2])('computes activation %i for every width', async (activation) => {
    for (const [tokens, width] of shapes) {
      const values = randomFloats(activation + width, tokens * 2 * width).map((x) => x * 6);
      const graph: TestGraph = {
        nodes: [
          node('Gather', ['table', 'input_ids'], 'x', {}, ''),
          node('GatedActivation', ['x'], 'logits', { activation: { i: activation } }),
        ],
        initializers: [floats('table', [tokens, 2 * width], values)],
        width,
      };
      const want = Float64Array.from({ length: tokens * width }, (_, i) => {
        const row = Math.floor(i / width) * 2 * width;
        const reference = references[activation];
        return (reference?.(values[row + (i % width)] ?? NaN) ?? NaN) * (values[row + width + (i % width)] ?? NaN);
      });
      expect(maxDifference(await rowsOf(graph, stepOf(tokens)), want)).toBeLessThan(1e-5);
    }
  });
});

/** A random matrix in the packed layout, and the values that it stands for. */
function packedMatrix(bits: 4 | 8, rows: number, cols: number) {
  const panels = Math.ceil(rows / 16);
  const blocks = cols / 32;
  const tileBytes = 64 * bits;
  const levels = Array.from(randomFloats(bits, rows * cols), (x) => Math.floor(((x + 1) / 2) * 2 ** bits));
  const scales = new Float16Array(panels * blocks * 16);
  scales.set(randomFloats(9, rows * blocks).map((x) => x / 8));
  const values = new Uint8Array(panels * blocks * tileBytes);
  const plain = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const tile = Math.floor(row / 16) * blocks + Math.floor(col / 32);
      const quad = Math.floor((col % 32) / 4);
      const level = levels[row * cols + col] ?? 0;
      const group = bits === 8 ? quad : quad >> 1;
      const at = tile * tileBytes + (group * 16 + (row % 16)) * 4 + (col % 4);
      values[at] = (values[at] ?? 0) | (bits === 4 && quad % 2 === 1 ? level << 4 : level);
      plain[row * cols + col] = (level - 2 ** (bits - 1)) * (scales[tile * 16 + (row % 16)] ?? 0);
    }
  }
  const initializers = [
    bytes('values', [panels, blocks, tileBytes], values),
    halves('scales', [panels, blocks, 16], scales),
  ];
  return { initializers, plain, attributes: { rows: { i: rows }, cols: { i: cols }, bits: { i: bits } } };
}

describe('EmbeddingPacked', () => {
  const vocab = 50;
  const hidden = 96;

  function graphOf(bits: 4 | 8): { graph: TestGraph; plain: Float32Array } {
    const { initializers, plain, attributes } = packedMatrix(bits, vocab, hidden);
    const nodes = [node('EmbeddingPacked', ['input_ids', 'values', 'scales'], 'logits', attributes)];
    return { graph: { nodes, initializers, width: hidden }, plain };
  }

  it.each([4, 8] as const)('dequantises %i-bit rows exactly', async (bits) => {
    const { graph, plain } = graphOf(bits);
    const tokenIds = Int32Array.of(49, 0, 7, 7, 23);
    const got = await rowsOf(graph, stepOf(5, { tokenIds }));
    expect([...got]).toEqual(
      [...tokenIds].flatMap((token) => [...plain.subarray(token * hidden, (token + 1) * hidden)]),
    );
  });

  it('refuses a token beyond the vocabulary', async () => {
    const { graph } = graphOf(8);
    await expect(rowsOf(graph, stepOf(1, { tokenIds: Int32Array.of(vocab) }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('token 50 is outside [0, 50)'),
    });
  });

  it('refuses weights whose shape does not fit its attributes', async () => {
    const { graph } = graphOf(8);
    const initializers = [
      bytes('values', [4, 2, 768], new Uint8Array(4 * 2 * 768)),
      ...(graph.initializers ?? []).slice(1),
    ];
    await expect(rowsOf({ ...graph, initializers }, stepOf(1))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('LinearNBits', () => {
  const vocab = 64;
  const inner = 64;
  const rows = 40;

  /** Tokens look up f32 rows, which the layer multiplies. */
  function graphOf(bits: 4 | 8, table: Float32Array, bias: Float32Array | null) {
    const { initializers, plain, attributes } = packedMatrix(bits, rows, inner);
    const inputs = ['x', 'values', 'scales', ...(bias ? ['bias'] : [])];
    const graph: TestGraph = {
      nodes: [
        node('Gather', ['table', 'input_ids'], 'x', { axis: { i: 0 } }, ''),
        node('LinearNBits', inputs, 'logits', attributes),
      ],
      initializers: [
        ...initializers,
        floats('table', [vocab, inner], table),
        ...(bias ? [floats('bias', [rows], bias)] : []),
      ],
      width: rows,
    };
    return { graph, plain };
  }

  it.each([
    [8, 1],
    [8, 5],
    [8, 64],
    [4, 1],
    [4, 64],
  ] as const)('%i-bit weights times %i tokens are within the error of int8 activations', async (bits, tokens) => {
    const table = randomFloats(3, vocab * inner);
    const bias = randomFloats(4, rows);
    const { graph, plain } = graphOf(bits, table, bias);
    const tokenIds = Int32Array.from({ length: tokens }, (_, i) => (i * 7) % vocab);
    const got = await rowsOf(graph, stepOf(tokens, { tokenIds }));
    tokenIds.forEach((token, t) => {
      for (let row = 0; row < rows; row++) {
        let exact = bias[row] ?? 0;
        let size = 0;
        for (let k = 0; k < inner; k++) {
          const product = (plain[row * inner + k] ?? 0) * (table[token * inner + k] ?? 0);
          exact += product;
          size += product ** 2;
        }
        expect(Math.abs((got[t * rows + row] ?? Number.NaN) - exact)).toBeLessThan(0.05 * Math.sqrt(size) + 1e-4);
      }
    });
  });

  it('refuses an input whose width is not its own', async () => {
    const { graph } = graphOf(8, randomFloats(3, vocab * 32), null);
    const initializers = (graph.initializers ?? []).map((tensor) =>
      tensor.name === 'table' ? floats('table', [vocab, 32], randomFloats(3, vocab * 32)) : tensor,
    );
    await expect(rowsOf({ ...graph, initializers }, stepOf(1))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('graphs', () => {
  it('a graph with an input that no step provides is refused at load', async () => {
    const graph: TestGraph = {
      nodes: [node('Identity', ['surprise'], 'logits', {}, '')],
      inputs: [{ name: 'surprise', type: ElementType.float, shape: ['T', 4] }],
      width: 4,
    };
    await expect(rowsOf(graph, stepOf(1))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('surprise'),
    });
  });
});
