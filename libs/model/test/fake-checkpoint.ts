import type { Checkpoint, TensorInfo } from '../src/checkpoint/checkpoint.js';

const CONFIG = {
  model_type: 'qwen2',
  vocab_size: 8,
  hidden_size: 64,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  tie_word_embeddings: true,
  eos_token_id: 2,
};

const TOKENIZER = {
  decoder: { type: 'ByteLevel' },
  added_tokens: [
    { id: 1, content: '<s>' },
    { id: 4, content: '<end>' },
  ],
  model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>' } }, { Sequence: { id: 'A' } }],
    special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
  },
};

/** Shapes of a Qwen 2 of two layers, by Hugging Face name. */
function tensorShapes(): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>([
    ['model.embed_tokens.weight', [8, 64]],
    ['model.norm.weight', [64]],
  ]);
  for (let layer = 0; layer < 2; layer++) {
    const at = `model.layers.${layer}`;
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) shapes.set(`${at}.${norm}.weight`, [64]);
    for (const [projection, rows] of [
      ['q', 64],
      ['k', 32],
      ['v', 32],
    ] as const) {
      shapes.set(`${at}.self_attn.${projection}_proj.weight`, [rows, 64]);
      shapes.set(`${at}.self_attn.${projection}_proj.bias`, [rows]);
    }
    shapes.set(`${at}.self_attn.o_proj.weight`, [64, 64]);
    for (const projection of ['gate', 'up']) shapes.set(`${at}.mlp.${projection}_proj.weight`, [48, 64]);
    shapes.set(`${at}.mlp.down_proj.weight`, [64, 48]);
  }
  return shapes;
}

export interface FakeCheckpointOptions {
  /** Changes to config.json. */
  config?: Readonly<Record<string, unknown>>;
  /** A tensor whose first value is NaN. */
  poison?: string;
  /** Tensors to change: a shape, or null to leave one out. */
  tensors?: Readonly<Record<string, readonly number[] | null>>;
}

/** A tiny Qwen 2 in memory whose values follow from their place. */
export function fakeCheckpoint({ config = {}, poison, tensors = {} }: FakeCheckpointOptions = {}): Checkpoint {
  const shapes = new Map(tensorShapes());
  for (const [name, shape] of Object.entries(tensors)) {
    if (shape === null) shapes.delete(name);
    else shapes.set(name, shape);
  }
  const infos = [...shapes].map(([name, shape]): [string, TensorInfo] => [name, { name, shape, dtype: 'F32' }]);
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  return {
    kind: 'huggingface',
    config: { ...CONFIG, ...config },
    generationConfig: { eos_token_id: [5, 2], do_sample: true, temperature: 0.7, top_p: 0.8, top_k: 20 },
    tensors: new Map(infos),
    readRows: (name, firstRow, rowCount) => {
      const width = (shapes.get(name) ?? []).slice(1).reduce((product, size) => product * size, 1);
      const values = Float32Array.from({ length: rowCount * width }, (_, i) => Math.sin(firstRow * width + i));
      if (name === poison && firstRow === 0) values[0] = Number.NaN;
      return Promise.resolve(values);
    },
    tokenizerFiles: () =>
      Promise.resolve({
        tokenizerJson: encode(TOKENIZER),
        tokenizerConfigJson: encode({ bos_token: '<s>', eos_token: { content: '<end>' } }),
        chatTemplate: '{{ messages }}',
      }),
    close: () => Promise.resolve(),
  };
}
