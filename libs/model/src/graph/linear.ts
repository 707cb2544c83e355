import type { Attribute } from '@longhaul/onnx';
import { Domain, type GraphBuilder } from './graph-builder.js';
import { initializerNames, type StoredWeight } from './stored-weight.js';
import type { WeightTable } from './weight-table.js';

/** Names of the values around a linear layer. */
export interface LinearSpec {
  /** Name of the weight; a weight `<weight>.bias` is added if there is one. */
  weight: string;
  input: string;
  output: string;
}

function packedAttributes({ rows, columns, format }: StoredWeight): Record<string, Attribute> {
  return { rows: { i: rows }, cols: { i: columns ?? 1 }, bits: { i: format === 'int4' ? 4 : 8 } };
}

/** y = x W^T + b with W [rows, columns] as checkpoints store it. */
export function addLinear(graph: GraphBuilder, weights: WeightTable, { weight, input, output }: LinearSpec): string {
  const stored = weights.use(weight);
  const { values, scales } = initializerNames(stored);
  const bias = weights.has(`${weight}.bias`) ? [weights.use(`${weight}.bias`).name] : [];
  if (scales === null) {
    return graph.add({
      op: 'Gemm',
      name: output,
      inputs: [input, values, ...bias],
      attributes: { transB: { i: 1 } },
    });
  }
  return graph.add({
    op: 'LinearNBits',
    domain: Domain.longhaul,
    name: output,
    inputs: [input, values, scales, ...bias],
    attributes: packedAttributes(stored),
  });
}

/** Rows of the embedding table, [T, hidden]. */
export function addEmbedding(graph: GraphBuilder, weights: WeightTable, ids: string): string {
  const stored = weights.use('embedding');
  const { values, scales } = initializerNames(stored);
  if (scales === null) {
    return graph.add({ op: 'Gather', name: 'embedded', inputs: [values, ids], attributes: { axis: { i: 0 } } });
  }
  return graph.add({
    op: 'EmbeddingPacked',
    domain: Domain.longhaul,
    name: 'embedded',
    inputs: [ids, values, scales],
    attributes: packedAttributes(stored),
  });
}
