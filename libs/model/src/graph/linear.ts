import type { Attribute } from '@longhaul/onnx';
import { Domain, type GraphBuilder } from './graph-builder.js';
import { initializerNames } from './weight-layout.js';
import type { WeightPlan, WeightPlans } from './weight-plan.js';

/** Names of the values around a linear layer. */
export interface LinearSpec {
  /** Plan of the weight; a plan `<weight>.bias` is added if there is one. */
  weight: string;
  input: string;
  output: string;
}

function packedAttributes(plan: WeightPlan): Record<string, Attribute> {
  return { rows: { i: plan.rows }, cols: { i: plan.columns ?? 1 }, bits: { i: plan.format === 'int4' ? 4 : 8 } };
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
    op: 'LinearNBits',
    domain: Domain.longhaul,
    name: output,
    inputs: bias === null ? [input, values, scales] : [input, values, scales, bias],
    attributes: packedAttributes(plan),
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
    op: 'EmbeddingPacked',
    domain: Domain.longhaul,
    name: 'embedded',
    inputs: [ids, values, scales],
    attributes: packedAttributes(plan),
  });
}
