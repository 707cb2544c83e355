import { BLOCK_VALUES } from '../quantise/block-format.js';
import { Domain, type GraphBuilder } from './graph-builder.js';
import { initializerNames } from './weight-layout.js';
import type { WeightPlan, WeightPlans } from './weight-plan.js';

/** Quantise activations to int8 inside MatMulNBits. */
const ACCURACY_INT8 = 4;

/** Names of the values around a linear layer. */
export interface LinearSpec {
  /** Plan of the weight; a plan `<weight>.bias` is added if there is one. */
  weight: string;
  input: string;
  output: string;
}

function bits(plan: WeightPlan): 4 | 8 {
  return plan.format === 'int4' ? 4 : 8;
}

/** y = x W^T + b with W [rows, columns] as checkpoints store it. */
export function addLinear(graph: GraphBuilder, plans: WeightPlans, { weight, input, output }: LinearSpec): string {
  const plan = plans.get(weight);
  const { values, scales } = initializerNames(plan);
  const bias = plans.has(`${weight}.bias`) ? `${weight}.bias` : null;
  if (scales === null) {
    return graph.add({
      op: 'Gemm',
      name: output,
      inputs: bias === null ? [input, values] : [input, values, bias],
      attributes: { transB: { i: 1 } },
    });
  }
  return graph.add({
    op: 'MatMulNBits',
    domain: Domain.microsoft,
    name: output,
    inputs: bias === null ? [input, values, scales] : [input, values, scales, '', '', bias],
    attributes: {
      K: { i: plan.columns ?? 1 },
      N: { i: plan.rows },
      bits: { i: bits(plan) },
      block_size: { i: BLOCK_VALUES },
      accuracy_level: { i: ACCURACY_INT8 },
    },
  });
}

/** Rows of the embedding table, [T, hidden]. */
export function addEmbedding(graph: GraphBuilder, plans: WeightPlans, ids: string): string {
  const plan = plans.get('embedding');
  const { values, scales } = initializerNames(plan);
  if (scales === null) {
    return graph.add({ op: 'Gather', name: 'embedded', inputs: [values, ids], attributes: { axis: { i: 0 } } });
  }
  return graph.add({
    op: 'EmbeddingNBits',
    domain: Domain.longhaul,
    name: 'embedded',
    inputs: [ids, values, scales],
    attributes: { bits: { i: bits(plan) }, block_size: { i: BLOCK_VALUES }, hidden: { i: plan.columns ?? 1 } },
  });
}
