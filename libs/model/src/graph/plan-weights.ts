import { AppError } from '@longhaul/kernel';
import type { TensorInfo } from '../checkpoint/checkpoint.js';
import type { ModelSpec } from '../config/model-spec.js';
import type { WeightScheme } from '../manifest.js';
import { BLOCK_VALUES } from '../quantise/block-format.js';
import type { WeightFormat, WeightPart, WeightPlan } from './weight-plan.js';

type Tensors = ReadonlyMap<string, TensorInfo>;

/** Where checkpoints keep the decoder: alone, or inside a model with vision (two layouts of Gemma 3). */
const PREFIXES = [
  { body: 'model.', head: 'lm_head.weight' },
  { body: 'language_model.model.', head: 'language_model.lm_head.weight' },
  { body: 'model.language_model.', head: 'lm_head.weight' },
] as const;

/** Tensors without a part in the decoder: tables that are recomputed, and the towers of a model with vision. */
const IGNORED = /(^|\.)(rotary_emb\.inv_freq|masked_bias)$|^(model\.)?(vision_tower|multi_modal_projector)\./;

function tensorError(reason: string, message: string): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason, message, field: 'source' });
}

/** Collects plans while it checks that the checkpoint has their tensors in the right shapes. */
class WeightCollector {
  readonly plans = new Map<string, WeightPlan>();
  readonly used = new Set<string>();
  readonly #tensors: Tensors;

  constructor(tensors: Tensors) {
    this.#tensors = tensors;
  }

  matrix(name: string, parts: readonly WeightPart[], shape: { columns: number; format: WeightFormat }): void {
    // The quantised operators take whole blocks of columns only; no published model has others.
    const format = shape.columns % BLOCK_VALUES === 0 ? shape.format : 'f32';
    this.#add({ name, parts, rows: sumRows(parts), offset: 0, columns: shape.columns, format });
  }

  vector(name: string, parts: readonly WeightPart[], offset: 0 | 1 = 0): void {
    this.#add({ name, parts, rows: sumRows(parts), columns: null, format: 'f32', offset });
  }

  #add(plan: WeightPlan): void {
    for (const { tensor, rows } of plan.parts) {
      const found = this.#tensors.get(tensor);
      if (!found) throw tensorError('TENSOR_NOT_FOUND', `The checkpoint has no tensor ${tensor}.`);
      const expected = plan.columns === null ? [rows] : [rows, plan.columns];
      if (found.shape.length !== expected.length || found.shape.some((size, axis) => size !== expected[axis])) {
        throw tensorError(
          'TENSOR_SHAPE',
          `Tensor ${tensor} has shape [${found.shape.join(', ')}], expected [${expected.join(', ')}].`,
        );
      }
      this.used.add(tensor);
    }
    this.plans.set(plan.name, plan);
  }
}

function sumRows(parts: readonly WeightPart[]): number {
  return parts.reduce((sum, part) => sum + part.rows, 0);
}

interface LayerContext {
  spec: ModelSpec;
  /** Format of the linear layers. */
  format: WeightFormat;
  /** `layers.0` in the graph, `model.layers.0` in the checkpoint. */
  name: string;
  source: string;
}

function collectAttention(weights: WeightCollector, { spec, format, name, source }: LayerContext): void {
  const { hiddenSize, heads, kvHeads, headDim } = spec.shape;
  const { attention, norms } = spec;
  const self = `${source}.self_attn`;
  const width = heads * headDim;
  const projections: [string, number][] = attention.fusedQkv
    ? [['qkv_proj', width + 2 * kvHeads * headDim]]
    : [
        ['q_proj', width],
        ['k_proj', kvHeads * headDim],
        ['v_proj', kvHeads * headDim],
      ];
  const parts = (kind: string) => projections.map(([tensor, rows]) => ({ tensor: `${self}.${tensor}.${kind}`, rows }));
  weights.matrix(`${name}.qkv`, parts('weight'), { columns: hiddenSize, format });
  if (attention.qkvBias) weights.vector(`${name}.qkv.bias`, parts('bias'));
  if (attention.qkNorm) {
    const offset = norms.plusOne ? 1 : 0;
    weights.vector(`${name}.q_norm`, [{ tensor: `${self}.q_norm.weight`, rows: headDim }], offset);
    weights.vector(`${name}.k_norm`, [{ tensor: `${self}.k_norm.weight`, rows: headDim }], offset);
  }
  weights.matrix(`${name}.o`, [{ tensor: `${self}.o_proj.weight`, rows: hiddenSize }], { columns: width, format });
  if (attention.outputBias) weights.vector(`${name}.o.bias`, [{ tensor: `${self}.o_proj.bias`, rows: hiddenSize }]);
}

function collectFeedForward(weights: WeightCollector, { spec, format, name, source }: LayerContext): void {
  const { hiddenSize, intermediateSize } = spec.shape;
  const { fusedGateUp, bias } = spec.feedForward;
  const mlp = `${source}.mlp`;
  const parts = (kind: string): WeightPart[] =>
    fusedGateUp
      ? [{ tensor: `${mlp}.gate_up_proj.${kind}`, rows: 2 * intermediateSize }]
      : ['gate_proj', 'up_proj'].map((tensor) => ({ tensor: `${mlp}.${tensor}.${kind}`, rows: intermediateSize }));
  weights.matrix(`${name}.gate_up`, parts('weight'), { columns: hiddenSize, format });
  if (bias) weights.vector(`${name}.gate_up.bias`, parts('bias'));
  const down = [{ tensor: `${mlp}.down_proj.weight`, rows: hiddenSize }];
  weights.matrix(`${name}.down`, down, { columns: intermediateSize, format });
  if (bias) weights.vector(`${name}.down.bias`, [{ tensor: `${mlp}.down_proj.bias`, rows: hiddenSize }]);
}

/** Names of a layer's norms in the graph, and in the checkpoint. */
function layerNorms(spec: ModelSpec): readonly [string, string][] {
  return spec.norms.post
    ? [
        ['attention_norm', 'input_layernorm'],
        ['attention_post_norm', 'post_attention_layernorm'],
        ['mlp_norm', 'pre_feedforward_layernorm'],
        ['mlp_post_norm', 'post_feedforward_layernorm'],
      ]
    : [
        ['attention_norm', 'input_layernorm'],
        ['mlp_norm', 'post_attention_layernorm'],
      ];
}

function collectLayer(weights: WeightCollector, layer: LayerContext): void {
  const { spec, name, source } = layer;
  for (const [norm, tensor] of layerNorms(spec)) {
    const parts = [{ tensor: `${source}.${tensor}.weight`, rows: spec.shape.hiddenSize }];
    weights.vector(`${name}.${norm}`, parts, spec.norms.plusOne ? 1 : 0);
  }
  collectAttention(weights, layer);
  collectFeedForward(weights, layer);
}

function refuseUnknown(tensors: Tensors, used: ReadonlySet<string>): void {
  for (const name of tensors.keys()) {
    if (used.has(name) || IGNORED.test(name)) continue;
    throw new AppError({
      code: 'UNIMPLEMENTED',
      reason: 'UNSUPPORTED_TENSOR',
      message: `Tensor ${name} has no place in this architecture; importing without it would change the model.`,
      field: 'source',
    });
  }
}

/**
 * Decides which checkpoint tensors make which weights of the graph, and how each is stored.
 *
 * Embeddings and the output head are int8 where the linear layers are int4: they decide the quality most, and a tied
 * table is stored once. A matrix whose columns are no multiple of 32 stays f32.
 *
 * @returns the weights in the order in which they lie in the weights file; without a `head` of its own a model has the
 * embeddings for one.
 * @throws AppError `TENSOR_NOT_FOUND`, `TENSOR_SHAPE`, or `UNSUPPORTED_TENSOR` for one that would be left out.
 */
export function planWeights(spec: ModelSpec, tensors: Tensors, scheme: WeightScheme): readonly WeightPlan[] {
  const prefix = PREFIXES.find(({ body }) => tensors.has(`${body}embed_tokens.weight`));
  if (!prefix) throw tensorError('TENSOR_NOT_FOUND', 'The checkpoint has no tensor model.embed_tokens.weight.');
  const weights = new WeightCollector(tensors);
  const { hiddenSize, vocabSize, layers } = spec.shape;
  const table = { columns: hiddenSize, format: scheme === 'f32' ? 'f32' : 'int8' } as const;
  const hasHead = tensors.has(prefix.head);
  const tied = spec.tiedEmbeddings ?? !hasHead;

  weights.matrix('embedding', [{ tensor: `${prefix.body}embed_tokens.weight`, rows: vocabSize }], table);
  for (let layer = 0; layer < layers; layer++) {
    collectLayer(weights, { spec, format: scheme, name: `layers.${layer}`, source: `${prefix.body}layers.${layer}` });
  }
  const norm = [{ tensor: `${prefix.body}norm.weight`, rows: hiddenSize }];
  weights.vector('final_norm', norm, spec.norms.plusOne ? 1 : 0);
  if (!tied) weights.matrix('head', [{ tensor: prefix.head, rows: vocabSize }], table);
  else if (hasHead) weights.used.add(prefix.head);
  refuseUnknown(tensors, weights.used);
  return [...weights.plans.values()];
}
