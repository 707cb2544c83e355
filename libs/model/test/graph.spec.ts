import { describe, expect, it } from '@jest/globals';
import type { Node } from '@longhaul/onnx';
import { decoderFacts } from '../src/config/model-spec.js';
import { parseConfig } from '../src/config/parse-config.js';
import { buildGraph } from '../src/graph/build-graph.js';
import { planWeights } from '../src/graph/plan-weights.js';
import { layoutWeights } from '../src/graph/weight-layout.js';
import type { WeightScheme } from '../src/manifest.js';
import { fakeCheckpoint, type FakeCheckpointOptions } from './fake-checkpoint.js';

function build(options: FakeCheckpointOptions = {}, weights: WeightScheme = 'int8') {
  const checkpoint = fakeCheckpoint(options);
  const spec = parseConfig(checkpoint.config);
  const layout = layoutWeights(planWeights(spec, checkpoint.tensors, weights));
  const decoder = { ...spec, decoder: decoderFacts(spec) };
  return { graph: buildGraph(decoder, layout.weights).graph, layout, decoder };
}

const ops = (nodes: readonly Node[]) => nodes.map((node) => node.op);

describe('buildGraph', () => {
  it('uses every value only after it has been made, and every initializer somewhere', () => {
    for (const weights of ['f32', 'int8', 'int4'] as const) {
      const { graph } = build({}, weights);
      const known = new Set([...graph.inputs, ...graph.initializers].map(({ name }) => name));
      const used = new Set<string>();
      for (const node of graph.nodes) {
        for (const input of node.inputs.filter((name) => name !== '')) {
          expect(known).toContain(input);
          used.add(input);
        }
        node.outputs.forEach((output) => known.add(output));
      }
      expect(graph.initializers.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([]);
      expect(known).toContain('logits');
    }
  });

  it('computes the rope tables once and attends once a layer', () => {
    const { graph } = build();
    expect(ops(graph.nodes).filter((op) => op === 'RopeTable')).toHaveLength(1);
    expect(ops(graph.nodes).filter((op) => op === 'PagedAttention')).toHaveLength(2);
  });

  it('gives each layer the table of its own class, and a layer without rotation none', () => {
    const { decoder, layout } = build();
    const [rope] = decoder.ropeClasses;
    if (rope === undefined) throw new Error('the model has no rope class');
    const layerAttention = [
      { ropeClass: 1, window: null },
      { ropeClass: null, window: null },
    ];
    const model = { ...decoder, ropeClasses: [rope, { ...rope, theta: 5 }], layerAttention };
    const { nodes } = buildGraph(model, layout.weights).graph;
    expect(nodes.find(({ op }) => op === 'RopeTable')?.outputs).toEqual(['rope.0', 'rope.1']);
    expect(nodes.filter(({ op }) => op === 'PagedAttention').map(({ inputs }) => inputs[2])).toEqual(['rope.1', '']);
  });

  it('finds everything about a step behind one handle: its inputs are ids, rows and the context', () => {
    const { graph } = build();
    expect(graph.inputs.map(({ name }) => name)).toEqual(['input_ids', 'logit_rows', 'step_context']);
  });

  it('refuses weights that miss one that it needs, or have one that it does not', () => {
    const { decoder, layout } = build();
    const others = layout.weights.filter(({ name }) => name !== 'layers.1.mlp_norm');
    expect(() => buildGraph(decoder, others)).toThrow('the weight layers.1.mlp_norm is missing');
    const more = layout.weights.map((weight) => ({ ...weight, name: `${weight.name}_b` }));
    expect(() => buildGraph(decoder, [...layout.weights, ...more])).toThrow('embedding_b has no place in the graph');
  });

  it('keeps only the wanted rows from the last attention on', () => {
    const { graph } = build();
    const gathers = graph.nodes.filter((node) => node.op === 'Gather');
    expect(gathers.map((node) => node.inputs[1])).toEqual(['logit_rows', 'logit_rows']);
    const lastAttention = ops(graph.nodes).lastIndexOf('PagedAttention');
    expect(graph.nodes.indexOf(gathers[0] as Node)).toBe(lastAttention + 1);
  });

  it('stores a tied table once, and in int8 where the layers are int4', () => {
    const { graph } = build({}, 'int4');
    const tables = graph.initializers.filter(({ name }) => name.startsWith('embedding') || name.startsWith('head'));
    expect(tables.map(({ name, dims }) => [name, dims])).toEqual([
      ['embedding.values', [1, 2, 512]],
      ['embedding.scales', [1, 2, 16]],
    ]);
    expect(graph.nodes.at(-1)).toMatchObject({ op: 'LinearNBits', attributes: { bits: { i: 8 }, rows: { i: 8 } } });
  });

  it('places large weights on pages and small ones on cache lines, none over another', () => {
    const { graph, layout } = build();
    let end = 0;
    for (const { data } of graph.initializers) {
      if (data.kind !== 'external') continue;
      expect(data.offset % (data.length >= 4096 ? 4096 : 64)).toBe(0);
      expect(data.offset).toBeGreaterThanOrEqual(end);
      end = data.offset + data.length;
    }
    expect(layout.bytes).toBe(end);
  });
});

describe('planWeights', () => {
  const extra = 'model.layers.0.self_attn.o_proj.bias';
  it.each([
    [{ [extra]: [64] }, /o_proj.bias has no place in this architecture/],
    [{ 'model.layers.1.mlp.up_proj.weight': null }, /no tensor model.layers.1.mlp.up_proj.weight/],
    [{ 'model.embed_tokens.weight': null }, /no tensor model.embed_tokens.weight/],
    [{ 'model.norm.weight': [65] }, /model.norm.weight has shape \[65\], expected \[64\]/],
    [{ 'model.layers.0.self_attn.k_proj.weight': [32, 64, 1] }, /k_proj.weight has shape \[32, 64, 1\]/],
  ])('names what is wrong: %j', (tensors, message) => {
    expect(() => build({ tensors })).toThrow(message);
  });

  it('an untied model without a head is refused', () => {
    expect(() => build({ config: { tie_word_embeddings: false } })).toThrow(/no tensor lm_head.weight/);
  });

  it('what rotary tables and towers of vision hold is left out', () => {
    const tensors = { 'model.layers.0.self_attn.rotary_emb.inv_freq': [16], 'vision_tower.x.weight': [3, 3] };
    expect(() => build({ tensors })).not.toThrow();
  });
});
