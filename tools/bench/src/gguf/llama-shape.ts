import { type GgufTensor, type GgufValue } from './gguf-layout.js';
import { syntheticVocabulary } from './synthetic-vocabulary.js';

/** Sizes of a Llama-architecture model with tied embeddings. */
export interface LlamaShape {
  name: string;
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  ffn: number;
  vocab: number;
  context: number;
  ropeTheta: number;
}

/** Qwen2.5-0.5B as Llama architecture, with a vocabulary of 32,000: 387 M parameters. */
export const HALF_BILLION: LlamaShape = {
  name: 'random-0.5b',
  layers: 24,
  hidden: 896,
  heads: 14,
  kvHeads: 2,
  headDim: 64,
  ffn: 4864,
  vocab: 32000,
  context: 131072,
  ropeTheta: 1_000_000,
};

/** Tensor directory of the shape: linear layers and embedding in Q8_0, norms in f32. */
export function llamaTensors(shape: LlamaShape): GgufTensor[] {
  const linear = (name: string, inputs: number, outputs: number): GgufTensor => ({
    name: `${name}.weight`,
    dims: [inputs, outputs],
    dtype: 'q8_0',
  });
  const norm = (name: string): GgufTensor => ({ name: `${name}.weight`, dims: [shape.hidden], dtype: 'f32' });
  const { hidden, ffn, headDim } = shape;
  const layer = (index: number): GgufTensor[] => [
    norm(`blk.${index}.attn_norm`),
    linear(`blk.${index}.attn_q`, hidden, shape.heads * headDim),
    linear(`blk.${index}.attn_k`, hidden, shape.kvHeads * headDim),
    linear(`blk.${index}.attn_v`, hidden, shape.kvHeads * headDim),
    linear(`blk.${index}.attn_output`, shape.heads * headDim, hidden),
    norm(`blk.${index}.ffn_norm`),
    linear(`blk.${index}.ffn_gate`, hidden, ffn),
    linear(`blk.${index}.ffn_up`, hidden, ffn),
    linear(`blk.${index}.ffn_down`, ffn, hidden),
  ];
  const layers = Array.from({ length: shape.layers }, (_, index) => layer(index)).flat();
  return [linear('token_embd', hidden, shape.vocab), ...layers, norm('output_norm')];
}

/** Metadata of the shape, a synthetic tokenizer included. */
export function llamaMetadata(shape: LlamaShape): Map<string, GgufValue> {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value });
  const text = (value: string): GgufValue => ({ type: 'text', value });
  const vocabulary = syntheticVocabulary(shape.vocab);
  return new Map<string, GgufValue>([
    ['general.architecture', text('llama')],
    ['general.name', text(shape.name)],
    ['general.file_type', u32(7)],
    ['llama.block_count', u32(shape.layers)],
    ['llama.context_length', u32(shape.context)],
    ['llama.embedding_length', u32(shape.hidden)],
    ['llama.feed_forward_length', u32(shape.ffn)],
    ['llama.attention.head_count', u32(shape.heads)],
    ['llama.attention.head_count_kv', u32(shape.kvHeads)],
    ['llama.attention.key_length', u32(shape.headDim)],
    ['llama.attention.value_length', u32(shape.headDim)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'f32', value: 1e-6 }],
    ['llama.rope.dimension_count', u32(shape.headDim)],
    ['llama.rope.freq_base', { type: 'f32', value: shape.ropeTheta }],
    ['llama.vocab_size', u32(shape.vocab)],
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text('gpt-2')],
    ['tokenizer.ggml.tokens', { type: 'texts', value: vocabulary.tokens }],
    ['tokenizer.ggml.token_type', { type: 'i32s', value: vocabulary.types }],
    ['tokenizer.ggml.merges', { type: 'texts', value: vocabulary.merges }],
    ['tokenizer.ggml.bos_token_id', u32(vocabulary.bosTokenId)],
    ['tokenizer.ggml.eos_token_id', u32(vocabulary.eosTokenId)],
    ['tokenizer.ggml.add_bos_token', { type: 'bool', value: false }],
  ]);
}
