import type { Model } from '@longhaul/onnx';
import type { Activation, ModelSpec } from '../config/model-spec.js';
import { Domain, GraphBuilder } from './graph-builder.js';
import { GraphInput, graphInputs, graphOutput, LOGITS } from './graph-io.js';
import { addEmbedding, addLinear } from './linear.js';
import { layoutWeights, type WeightLayout } from './weight-layout.js';
import type { WeightPlans } from './weight-plan.js';

const ACTIVATION_CODES: Readonly<Record<Activation, number>> = { silu: 0, gelu_tanh: 1, gelu_erf: 2 };
const NO_ROPE = -1;

/** The residual stream between two blocks: what is in it, and what the last block adds to it. */
interface Stream {
  residual: string;
  /** Not yet added to `residual`; the next norm does both at once. null at the start. */
  delta: string | null;
}

/** Writes the decoder node by node. Its methods are the steps of the forward pass. */
class DecoderGraph {
  readonly builder = new GraphBuilder();
  readonly #spec: ModelSpec;
  readonly #plans: WeightPlans;

  constructor(spec: ModelSpec, plans: WeightPlans) {
    this.#spec = spec;
    this.#plans = plans;
  }

  forward(): void {
    const { shape } = this.#spec;
    this.#ropeTable();
    let stream: Stream = { residual: this.#embed(), delta: null };
    for (let layer = 0; layer < shape.layers; layer++) {
      stream = this.#layer(stream, layer);
    }
    const { normed } = this.#norm(stream, 'final_norm');
    this.#head(normed);
  }

  #embed(): string {
    const embedded = addEmbedding(this.builder, this.#plans, GraphInput.inputIds);
    const scale = this.#spec.embeddingScale;
    if (scale === null) return embedded;
    const factor = this.builder.scalar('embedding_scale', scale);
    return this.builder.add({ op: 'Mul', name: 'embedded_scaled', inputs: [embedded, factor] });
  }

  #ropeTable(): void {
    const { ropeInvFreq, ropeScale, cuSeqlens, pastLens } = GraphInput;
    this.builder.add({
      op: 'RopeTable',
      domain: Domain.longhaul,
      name: 'rope',
      inputs: [ropeInvFreq, ropeScale, cuSeqlens, pastLens],
    });
  }

  #layer(stream: Stream, layer: number): Stream {
    const name = `layers.${layer}`;
    const { normed, residual } = this.#norm(stream, `${name}.attention_norm`);
    const qkv = this.#linear(`${name}.qkv`, normed);
    let attended = this.#attention(qkv, layer);
    let kept = residual;
    if (layer === this.#spec.shape.layers - 1) {
      // After the last attention only the rows whose logits are wanted matter.
      attended = this.#pickRows(attended, 'attended_rows');
      kept = this.#pickRows(residual, 'residual_rows');
    }
    const attentionOut = this.#post(this.#linear(`${name}.o`, attended), `${name}.attention_post_norm`);
    const middle = this.#norm({ residual: kept, delta: attentionOut }, `${name}.mlp_norm`);
    const mlpOut = this.#post(this.#feedForward(middle.normed, name), `${name}.mlp_post_norm`);
    return { residual: middle.residual, delta: mlpOut };
  }

  #attention(qkv: string, layer: number): string {
    const { shape, attention, norms, layerAttention, ropeClasses } = this.#spec;
    const { ropeClass = null, window = null } = layerAttention[layer] ?? {};
    const { kvPool, cuSeqlens, pastLens, blockTable } = GraphInput;
    const inputs = [qkv, 'rope', kvPool, cuSeqlens, pastLens, blockTable];
    if (attention.qkNorm) inputs.push(`layers.${layer}.q_norm`, `layers.${layer}.k_norm`);
    return this.builder.add({
      op: 'PagedAttention',
      domain: Domain.longhaul,
      name: `layers.${layer}.attended`,
      inputs,
      attributes: {
        layer: { i: layer },
        num_heads: { i: shape.heads },
        kv_heads: { i: shape.kvHeads },
        head_dim: { i: shape.headDim },
        rope_class: { i: ropeClass ?? NO_ROPE },
        rope_dim: { i: ropeClass === null ? 0 : (ropeClasses[ropeClass]?.dim ?? 0) },
        window: { i: window ?? 0 },
        scale: { f: attention.scale },
        softcap: { f: attention.softcap ?? 0 },
        norm_eps: { f: norms.eps },
      },
    });
  }

  #feedForward(input: string, name: string): string {
    const gateUp = this.#linear(`${name}.gate_up`, input);
    const activated = this.builder.add({
      op: 'GatedActivation',
      domain: Domain.longhaul,
      name: `${name}.activated`,
      inputs: [gateUp],
      attributes: { activation: { i: ACTIVATION_CODES[this.#spec.feedForward.activation] } },
    });
    return this.#linear(`${name}.down`, activated);
  }

  #linear(weight: string, input: string): string {
    return addLinear(this.builder, this.#plans, { weight, input, output: `${weight}.out` });
  }

  /** Adds the pending delta and normalises the sum. */
  #norm({ residual, delta }: Stream, weight: string): { normed: string; residual: string } {
    const epsilon = { f: this.#spec.norms.eps };
    const normed = `${weight}.out`;
    if (delta === null) {
      this.#simpleNorm(residual, weight);
      return { normed, residual };
    }
    const sum = `${weight}.sum`;
    this.builder.add({
      op: 'SkipSimplifiedLayerNormalization',
      domain: Domain.microsoft,
      name: normed,
      inputs: [residual, delta, weight],
      outputs: [normed, '', '', sum],
      attributes: { epsilon },
    });
    return { normed, residual: sum };
  }

  #simpleNorm(input: string, weight: string): string {
    return this.builder.add({
      op: 'SimplifiedLayerNormalization',
      name: `${weight}.out`,
      inputs: [input, weight],
      attributes: { axis: { i: -1 }, epsilon: { f: this.#spec.norms.eps }, stash_type: { i: 1 } },
    });
  }

  /** The norm after a block, in the families that have one. */
  #post(input: string, weight: string): string {
    return this.#spec.norms.post ? this.#simpleNorm(input, weight) : input;
  }

  #pickRows(input: string, name: string): string {
    return this.builder.add({
      op: 'Gather',
      name,
      inputs: [input, GraphInput.logitRows],
      attributes: { axis: { i: 0 } },
    });
  }

  #head(input: string): void {
    const cap = this.#spec.finalSoftcap;
    const weight = this.#plans.tied ? 'embedding' : 'head';
    const output = cap === null ? LOGITS : 'logits_uncapped';
    addLinear(this.builder, this.#plans, { weight, input, output });
    if (cap === null) return;
    const limit = this.builder.scalar('logit_cap', cap);
    const small = this.builder.add({ op: 'Div', name: 'logits_divided', inputs: [output, limit] });
    const bent = this.builder.add({ op: 'Tanh', name: 'logits_bent', inputs: [small] });
    this.builder.add({ op: 'Mul', name: LOGITS, inputs: [bent, limit] });
  }
}

export interface DecoderModel {
  model: Model;
  layout: WeightLayout;
}

/**
 * Builds the decoder as one ONNX graph over a ragged batch and a paged KV pool. The weights are external: `layout`
 * says where in the weights file each belongs.
 */
export function buildGraph(spec: ModelSpec, plans: WeightPlans): DecoderModel {
  const decoder = new DecoderGraph(spec, plans);
  decoder.forward();
  const layout = layoutWeights(plans);
  const ropePairs = Math.max(...spec.ropeClasses.map((rope) => rope.dim)) / 2;
  const model: Model = {
    irVersion: 8,
    producer: 'longhaul',
    opsets: { [Domain.onnx]: 17, [Domain.microsoft]: 1, [Domain.longhaul]: 1 },
    graph: {
      name: spec.family,
      inputs: graphInputs(spec.ropeClasses.length, ropePairs),
      outputs: [graphOutput(spec.shape.vocabSize)],
      initializers: [...layout.initializers, ...decoder.builder.constants],
      nodes: decoder.builder.nodes,
    },
  };
  return { model, layout };
}
