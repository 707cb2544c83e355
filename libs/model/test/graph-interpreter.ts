import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ElementType, type Initializer, type Model, type Node } from '@longhaul/onnx';
import type { ModelManifest } from '../src/manifest.js';
import { dequantiseRows } from '../src/quantise/quantise-rows.js';
import { unpackPanels } from '../src/quantise/pack-panels.js';
import { ropeTables } from '../src/rope/rope-tables.js';

/** A matrix (or vector with rows = 1) in double precision. */
interface Matrix {
  rows: number;
  columns: number;
  data: Float64Array;
}

type Values = Map<string, Matrix>;
type Attributes = Node['attributes'];
type Operator = (inputs: (name: number) => Matrix, node: Node) => readonly Matrix[];

function integer(attributes: Attributes, name: string): number {
  const attribute = attributes[name];
  if (!attribute || !('i' in attribute)) throw new Error(`integer attribute ${name} is missing`);
  return attribute.i;
}

function float(attributes: Attributes, name: string): number {
  const attribute = attributes[name];
  if (!attribute || !('f' in attribute)) throw new Error(`float attribute ${name} is missing`);
  return attribute.f;
}

const at = (values: Float64Array, index: number): number => values[index] as number;

function map(matrix: Matrix, compute: (value: number, index: number) => number): Matrix {
  return { ...matrix, data: matrix.data.map(compute) };
}

function multiplyTransposed(x: Matrix, w: Matrix, bias: Matrix | null): Matrix {
  const data = new Float64Array(x.rows * w.rows);
  for (let row = 0; row < x.rows; row++) {
    for (let n = 0; n < w.rows; n++) {
      let sum = bias === null ? 0 : at(bias.data, n);
      for (let k = 0; k < x.columns; k++) sum += at(x.data, row * x.columns + k) * at(w.data, n * w.columns + k);
      data[row * w.rows + n] = sum;
    }
  }
  return { rows: x.rows, columns: w.rows, data };
}

function gatherRows(table: Matrix, indices: Matrix): Matrix {
  const { columns } = table;
  const data = new Float64Array(indices.data.length * columns);
  indices.data.forEach((index, row) =>
    data.set(table.data.subarray(index * columns, (index + 1) * columns), row * columns),
  );
  return { rows: indices.data.length, columns, data };
}

function rmsNorm(x: Matrix, weight: Float64Array, eps: number): Matrix {
  const result = map(x, (value) => value);
  const width = weight.length;
  for (let start = 0; start < x.data.length; start += width) {
    const row = result.data.subarray(start, start + width);
    const factor = 1 / Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / width + eps);
    row.forEach((value, i) => (row[i] = value * factor * at(weight, i)));
  }
  return result;
}

/** The error function by its series, exact to double precision for the small arguments of a test. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const ACTIVATIONS: readonly ((x: number) => number)[] = [
  (x) => x / (1 + Math.exp(-x)),
  (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
];

function gatedActivation(x: Matrix, code: number): Matrix {
  const activate = ACTIVATIONS[code];
  if (!activate) throw new Error(`activation ${code} is not known`);
  const columns = x.columns / 2;
  const data = new Float64Array(x.rows * columns);
  for (let i = 0; i < data.length; i++) {
    const start = Math.floor(i / columns) * x.columns + (i % columns);
    data[i] = activate(at(x.data, start)) * at(x.data, start + columns);
  }
  return { rows: x.rows, columns, data };
}

function rotate(row: Float64Array, table: Float64Array): void {
  const pairs = table.length / 2;
  for (let i = 0; i < pairs; i++) {
    const [a, b, cos, sin] = [at(row, i), at(row, i + pairs), at(table, i), at(table, i + pairs)];
    row[i] = a * cos - b * sin;
    row[i + pairs] = b * cos + a * sin;
  }
}

/** Normalises and rotates the heads `from` to `to` of every row of qkv, in place. */
function prepareHeads(
  qkv: Matrix,
  node: Node,
  heads: { from: number; to: number; norm: Matrix | null; rope: Matrix | null },
) {
  const { attributes } = node;
  const headDim = integer(attributes, 'head_dim');
  const rotary = integer(attributes, 'rope_dim');
  for (let row = 0; row < qkv.rows; row++) {
    for (let head = heads.from; head < heads.to; head++) {
      const start = row * qkv.columns + head * headDim;
      const vector = qkv.data.subarray(start, start + headDim);
      if (heads.norm !== null) {
        const input = { rows: 1, columns: headDim, data: vector.slice() };
        vector.set(rmsNorm(input, heads.norm.data, float(attributes, 'norm_eps')).data);
      }
      if (heads.rope === null) continue;
      const tableRow = row * heads.rope.columns;
      rotate(vector, heads.rope.data.subarray(tableRow, tableRow + rotary));
    }
  }
}

function softmax(scores: number[]): number[] {
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

function attend(qkv: Matrix, node: Node): Matrix {
  const { attributes } = node;
  const [heads, kvHeads, dim] = ['num_heads', 'kv_heads', 'head_dim'].map((name) => integer(attributes, name)) as [
    number,
    number,
    number,
  ];
  const scale = float(attributes, 'scale');
  const cap = float(attributes, 'softcap');
  const window = integer(attributes, 'window') || Number.POSITIVE_INFINITY;
  const result = new Float64Array(qkv.rows * heads * dim);
  for (let row = 0; row < qkv.rows; row++) {
    for (let head = 0; head < heads; head++) {
      const kvHead = Math.floor(head / (heads / kvHeads));
      const first = Math.max(0, row - window + 1);
      const query = row * qkv.columns + head * dim;
      const key = (j: number) => j * qkv.columns + (heads + kvHead) * dim;
      const weights = softmax(
        Array.from({ length: row - first + 1 }, (_, j) => {
          let dot = 0;
          for (let d = 0; d < dim; d++) dot += at(qkv.data, query + d) * at(qkv.data, key(first + j) + d);
          return cap > 0 ? cap * Math.tanh((dot * scale) / cap) : dot * scale;
        }),
      );
      weights.forEach((weight, j) => {
        const value = key(first + j) + kvHeads * dim;
        for (let d = 0; d < dim; d++) {
          const out = (row * heads + head) * dim + d;
          result[out] = at(result, out) + weight * at(qkv.data, value + d);
        }
      });
    }
  }
  return { rows: qkv.rows, columns: heads * dim, data: result };
}

function pagedAttention(input: (index: number) => Matrix, node: Node): Matrix {
  const qkv = map(input(0), (value) => value);
  const heads = integer(node.attributes, 'num_heads');
  const kvHeads = integer(node.attributes, 'kv_heads');
  const hasNorms = node.inputs.length > 3;
  const rope = node.inputs[2] === '' ? null : input(2);
  prepareHeads(qkv, node, { from: 0, to: heads, norm: hasNorms ? input(3) : null, rope });
  prepareHeads(qkv, node, { from: heads, to: heads + kvHeads, norm: hasNorms ? input(4) : null, rope });
  return attend(qkv, node);
}

const epsilon = (node: Node): number => float(node.attributes, 'epsilon');

function add(a: Matrix, b: Matrix): Matrix {
  return map(a, (value, i) => value + at(b.data, i));
}

const OPERATORS: Readonly<Record<string, Operator>> = {
  Gather: (input) => [gatherRows(input(0), input(1))],
  EmbeddingPacked: (input) => [gatherRows(input(1), input(0))],
  Gemm: (input, node) => [multiplyTransposed(input(0), input(1), node.inputs.length > 2 ? input(2) : null)],
  LinearNBits: (input, node) => [multiplyTransposed(input(0), input(1), node.inputs.length > 3 ? input(3) : null)],
  SimplifiedLayerNormalization: (input, node) => [rmsNorm(input(0), input(1).data, epsilon(node))],
  SkipSimplifiedLayerNormalization: (input, node) => {
    const sum = add(input(0), input(1));
    return [rmsNorm(sum, input(2).data, epsilon(node)), sum, sum, sum];
  },
  GatedActivation: (input, node) => [gatedActivation(input(0), integer(node.attributes, 'activation'))],
  PagedAttention: (input, node) => [pagedAttention(input, node)],
  Mul: (input) => [map(input(0), (value) => value * at(input(1).data, 0))],
  Div: (input) => [map(input(0), (value) => value / at(input(1).data, 0))],
  Tanh: (input) => [map(input(0), Math.tanh)],
};

function readInitializer(tensor: Initializer, file: Uint8Array): Matrix {
  const { data, dims } = tensor;
  const bytes = data.kind === 'inline' ? data.bytes : file.subarray(data.offset, data.offset + data.length);
  const buffer = new Uint8Array(bytes).buffer;
  const values =
    tensor.type === ElementType.float
      ? new Float32Array(buffer)
      : tensor.type === ElementType.float16
        ? new Float16Array(buffer)
        : bytes;
  const columns = dims.at(-1) ?? 1;
  return { rows: values.length / columns, columns, data: Float64Array.from(values) };
}

/** Replaces the values of a quantised weight by what they stand for. */
function dequantise(values: Values, model: Model): void {
  const done = new Set<string>();
  for (const node of model.graph.nodes) {
    if (node.op !== 'LinearNBits' && node.op !== 'EmbeddingPacked') continue;
    const name = node.inputs[1] ?? '';
    const packed = values.get(name);
    const scales = values.get(node.inputs[2] ?? '');
    if (!packed || !scales || done.has(name)) continue;
    done.add(name);
    const bits = integer(node.attributes, 'bits') === 4 ? 4 : 8;
    const shape = { bits, rows: integer(node.attributes, 'rows'), columns: integer(node.attributes, 'cols') } as const;
    const panels = { values: Uint8Array.from(packed.data), scales: Float16Array.from(scales.data) };
    const plain = dequantiseRows(unpackPanels(panels, shape));
    values.set(name, { rows: shape.rows, columns: shape.columns, data: Float64Array.from(plain) });
  }
}

/** One table per class: what RopeTable makes of the step's context. */
function ropeRows(manifest: ModelManifest, tokens: number, lengthTokens: number): readonly Matrix[] {
  return manifest.ropeClasses.map((rope) => {
    const { invFreq, scale } = ropeTables(rope, lengthTokens);
    const columns = 2 * invFreq.length;
    const data = new Float64Array(tokens * columns);
    for (let token = 0; token < tokens; token++) {
      const start = token * columns;
      invFreq.forEach((frequency, i) => {
        data[start + i] = scale * Math.cos(token * frequency);
        data[start + invFreq.length + i] = scale * Math.sin(token * frequency);
      });
    }
    return { rows: tokens, columns, data };
  });
}

function column(values: readonly number[]): Matrix {
  return { rows: values.length, columns: 1, data: Float64Array.from(values) };
}

export interface InterpretedPrompt {
  tokens: readonly number[];
  /** Rows whose logits are wanted. */
  rows: readonly number[];
  /** Length the rope tables are fixed for; the prompt's by default. */
  lengthTokens?: number;
}

/**
 * Runs a decoder graph over one prompt in plain double-precision TypeScript: what the graph means, operator by
 * operator, without ONNX Runtime and without our kernels.
 *
 * @param dir package that holds the weights file.
 * @returns logits [rows, vocab].
 */
export async function interpretGraph(
  { model, manifest, dir }: { model: Model; manifest: ModelManifest; dir: string },
  { tokens, rows, lengthTokens = tokens.length }: InterpretedPrompt,
): Promise<Float64Array> {
  const file = await readFile(join(dir, 'weights.bin'));
  const values: Values = new Map(
    model.graph.initializers.map((tensor) => [tensor.name, readInitializer(tensor, file)]),
  );
  dequantise(values, model);
  values.set('input_ids', column(tokens));
  values.set('logit_rows', column(rows));
  const tables = ropeRows(manifest, tokens.length, lengthTokens);
  for (const node of model.graph.nodes) {
    const operator = node.op === 'RopeTable' ? () => tables : OPERATORS[node.op];
    if (!operator) throw new Error(`operator ${node.op} is not known`);
    const outputs = operator((index) => {
      const value = values.get(node.inputs[index] ?? '');
      if (!value) throw new Error(`${node.name} uses ${node.inputs[index]} before it is there`);
      return value;
    }, node);
    node.outputs.forEach((name, index) => {
      const output = outputs[index];
      if (name !== '' && output) values.set(name, output);
    });
  }
  return values.get('logits')?.data ?? new Float64Array(0);
}
