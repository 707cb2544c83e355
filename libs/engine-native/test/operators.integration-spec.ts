import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ElementType } from '@longhaul/onnx';
import { loadEngine, type Engine, type StepRequest } from '../src/index.js';
import { GraphFolder, bytes, floats, integers, node, type TestGraph } from './support/graph.js';
import { maxDifference, randomFloats, runOnce, stepOf } from './support/steps.js';

const folder = new GraphFolder();
let engine: Engine;

beforeAll(async () => {
  engine = await loadEngine();
});
afterAll(() => folder.remove());

async function rowsOf(graph: TestGraph, request: StepRequest): Promise<Float32Array> {
  const { logits } = await runOnce({ engine, folder, graph }, request);
  if (logits === null) throw new Error('logits were asked for');
  return logits;
}

describe('RopeTable', () => {
  const classes = 2;
  const pairs = 24;
  const ropeNode = node('RopeTable', ['rope_inv_freq', 'rope_scale', 'cu_seqlens', 'past_lens'], 'rope');
  const graph: TestGraph = {
    nodes: [
      ropeNode,
      node('Transpose', ['rope'], 'by_token', { perm: { ints: [1, 0, 2] } }, ''),
      node('Reshape', ['by_token', 'shape'], 'logits', {}, ''),
    ],
    initializers: [integers('shape', [-1, classes * 2 * pairs])],
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

describe('EmbeddingNBits', () => {
  const vocab = 50;
  const hidden = 96;
  const block = 32;

  function graphOf(bits: 4 | 8): { graph: TestGraph; rows: number[][] } {
    const noise = randomFloats(bits, vocab * hidden);
    const codes = Array.from(noise, (x) => Math.floor(((x + 1) / 2) * 2 ** bits));
    const scales = randomFloats(9, (vocab * hidden) / block);
    const packed = bits === 8 ? Uint8Array.from(codes) : nibbles(codes);
    const rows = Array.from({ length: vocab }, (_, v) =>
      Array.from({ length: hidden }, (_, k) => {
        const at = v * hidden + k;
        return Math.fround(((codes[at] ?? NaN) - 2 ** (bits - 1)) * (scales[Math.floor(at / block)] ?? NaN));
      }),
    );
    const attributes = { bits: { i: bits }, block_size: { i: block }, hidden: { i: hidden } };
    const graph: TestGraph = {
      nodes: [node('EmbeddingNBits', ['input_ids', 'codes', 'scales'], 'logits', attributes)],
      initializers: [
        bytes('codes', [vocab, hidden / block, (block * bits) / 8], packed),
        floats('scales', [scales.length], scales),
      ],
      width: hidden,
    };
    return { graph, rows };
  }

  function nibbles(codes: readonly number[]): Uint8Array {
    return Uint8Array.from(
      { length: codes.length / 2 },
      (_, i) => (codes[2 * i] ?? 0) | ((codes[2 * i + 1] ?? 0) << 4),
    );
  }

  it.each([4, 8] as const)('dequantises %i-bit rows exactly', async (bits) => {
    const { graph, rows } = graphOf(bits);
    const tokenIds = Int32Array.of(49, 0, 7, 7, 23);
    const got = await rowsOf(graph, stepOf(5, { tokenIds }));
    expect([...got]).toEqual([...tokenIds].flatMap((token) => rows[token] ?? []));
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
      bytes('codes', [vocab, 2, 48], new Uint8Array(vocab * hidden)),
      ...(graph.initializers ?? []).slice(1),
    ];
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
