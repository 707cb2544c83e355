import type { Model } from '@longhaul/onnx';
import type { Activation, ModelManifest } from '../manifest.js';
import { Domain, GraphBuilder } from './graph-builder.js';
import { GraphInput, graphInputs, graphOutput, LOGITS } from './graph-io.js';
import { addEmbedding, addLinear } from './linear.js';
import { initializersOf, type StoredWeight } from './stored-weight.js';
import { WeightTable } from './weight-table.js';

/** What a manifest says of the graph. */
export type DecoderShape = Pick<ModelManifest, 'family' | 'shape' | 'ropeClasses' | 'layerAttention' | 'decoder'>;

const ACTIVATION_CODES: Readonly<Record<Activation, number>> = { silu: 0, gelu_tanh: 1, gelu_erf: 2 };
/** A layer without rotation leaves the operand out. */
const NO_ROPE = '';
const ropeOf = (ropeClass: number): string => `rope.${ropeClass}`;

/** The residual stream between two blocks: what is in it, and what the last block adds to it. */
interface Stream {
  residual: string;
  /** Not yet added to `residual`; the next norm does both at once. null at the start. */
  delta: string | null;
}

/** Writes the decoder node by node. Its methods are the steps of the forward pass. */
class DecoderGraph {
  readonly builder = new GraphBuilder();
  readonly #model: DecoderShape;
  readonly #weights: WeightTable;

  constructor(model: DecoderShape, weights: WeightTable) {
    this.#model = model;
    this.#weights = weights;
  }

  forward(): void {
    const { shape } = this.#model;
    this.#ropeTables();
    let stream: Stream = { residual: this.#embed(), delta: null };
    for (let layer = 0; layer < shape.layers; layer++) {
      stream = this.#layer(stream, layer);
    }
    const { normed } = this.#norm(stream, 'final_norm');
    this.#head(normed);
  }

  #embed(): string {
    const embedded = addEmbedding(this.builder, this.#weights, GraphInput.inputIds);
    const scale = this.#model.decoder.embeddingScale;
    if (scale === null) return embedded;
    const factor = this.builder.scalar('embedding_scale', scale);
    return this.builder.add({ op: 'Mul', name: 'embedded_scaled', inputs: [embedded, factor] });
  }

  /** One table of cosines and sines for each class, for all layers. */
  #ropeTables(): void {
    this.builder.add({
      op: 'RopeTable',
      domain: Domain.longhaul,
      name: 'rope',
      inputs: [GraphInput.stepContext],
      outputs: this.#model.ropeClasses.map((_, ropeClass) => ropeOf(ropeClass)),
    });
  }

  #layer(stream: Stream, layer: number): Stream {
    const name = `layers.${layer}`;
    const { normed, residual } = this.#norm(stream, `${name}.attention_norm`);
    const qkv = this.#linear(`${name}.qkv`, normed);
    let attended = this.#attention(qkv, layer);
    let kept = residual;
    if (layer === this.#model.shape.layers - 1) {
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
    const { shape, decoder, layerAttention, ropeClasses } = this.#model;
    const { ropeClass = null, window = null } = layerAttention[layer] ?? {};
    const norms = decoder.qkNorm ? ['q_norm', 'k_norm'].map((norm) => this.#weight(`layers.${layer}.${norm}`)) : [];
    const rope = ropeClass === null ? NO_ROPE : ropeOf(ropeClass);
    return this.builder.add({
      op: 'PagedAttention',
      domain: Domain.longhaul,
      name: `layers.${layer}.attended`,
      inputs: [qkv, GraphInput.stepContext, rope, ...norms],
      attributes: {
        layer: { i: layer },
        num_heads: { i: shape.heads },
        kv_heads: { i: shape.kvHeads },
        head_dim: { i: shape.headDim },
        rope_dim: { i: ropeClass === null ? 0 : (ropeClasses[ropeClass]?.dim ?? 0) },
        window: { i: window ?? 0 },
        scale: { f: decoder.attentionScale },
        softcap: { f: decoder.attentionSoftcap ?? 0 },
        norm_eps: { f: decoder.normEps },
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
      attributes: { activation: { i: ACTIVATION_CODES[this.#model.decoder.activation] } },
    });
    return this.#linear(`${name}.down`, activated);
  }

  #linear(weight: string, input: string): string {
    return addLinear(this.builder, this.#weights, { weight, input, output: `${weight}.out` });
  }

  /** Adds the pending delta and normalises the sum. */
  #norm({ residual, delta }: Stream, weight: string): { normed: string; residual: string } {
    const epsilon = { f: this.#model.decoder.normEps };
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
      inputs: [residual, delta, this.#weight(weight)],
      outputs: [normed, '', '', sum],
      attributes: { epsilon },
    });
    return { normed, residual: sum };
  }

  #simpleNorm(input: string, weight: string): string {
    return this.builder.add({
      op: 'SimplifiedLayerNormalization',
      name: `${weight}.out`,
      inputs: [input, this.#weight(weight)],
      attributes: { axis: { i: -1 }, epsilon: { f: this.#model.decoder.normEps }, stash_type: { i: 1 } },
    });
  }

  /** The norm after a block, in the families that have one. */
  #post(input: string, weight: string): string {
    return this.#model.decoder.postNorms ? this.#simpleNorm(input, weight) : input;
  }

  #pickRows(input: string, name: string): string {
    return this.builder.add({
      op: 'Gather',
      name,
      inputs: [input, GraphInput.logitRows],
      attributes: { axis: { i: 0 } },
    });
  }

  /** A weight that is one tensor. */
  #weight(name: string): string {
    return this.#weights.use(name).name;
  }

  /** Without a table of its own the head is the embeddings'. */
  #head(input: string): void {
    const cap = this.#model.decoder.finalSoftcap;
    const weight = this.#weights.has('head') ? 'head' : 'embedding';
    const output = cap === null ? LOGITS : 'logits_uncapped';
    addLinear(this.builder, this.#weights, { weight, input, output });
    if (cap === null) return;
    const limit = this.builder.scalar('logit_cap', cap);
    const small = this.builder.add({ op: 'Div', name: 'logits_divided', inputs: [output, limit] });
    const bent = this.builder.add({ op: 'Tanh', name: 'logits_bent', inputs: [small] });
    this.builder.add({ op: 'Mul', name: LOGITS, inputs: [bent, limit] });
  }
}

/**
 * Builds the decoder as one ONNX graph over a ragged batch and a paged KV pool. The weights are external: references into
 * the weights file of a package.
 *
 * @throws RangeError naming a weight that the graph needs and does not find, or that has no place in it.
 */
export function buildGraph(model: DecoderShape, weights: readonly StoredWeight[]): Model {
  const table = new WeightTable(weights);
  const decoder = new DecoderGraph(model, table);
  decoder.forward();
  table.requireAllUsed();
  return {
    irVersion: 8,
    producer: 'longhaul',
    opsets: { [Domain.onnx]: 17, [Domain.microsoft]: 1, [Domain.longhaul]: 1 },
    graph: {
      name: model.family,
      inputs: graphInputs,
      outputs: [graphOutput(model.shape.vocabSize)],
      initializers: [...weights.flatMap(initializersOf), ...decoder.builder.constants],
      nodes: decoder.builder.nodes,
    },
  };
}
