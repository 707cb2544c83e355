import { buildGguf, f32Tensor, type BuiltTensor, type BuiltValue } from './gguf-builder.js';
import { buildSafetensors } from './safetensors-builder.js';

const HIDDEN = 8;
const HEADS = 2;
const VOCABULARY = ['<s>', '</s>', 'a', 'b', 'ab', 'Ġ', 'Ġa', '1'];
const PIECES = ['<unk>', '<s>', '</s>', '▁', 'a', 'b', 'ab', '▁a', '▁ab', ' '];

/** Sound files of each kind, small enough that most mutations hit something that matters. */
export function seedFiles(): { kind: 'gguf' | 'safetensors'; bytes: Uint8Array }[] {
  return [
    { kind: 'gguf', bytes: buildGguf({ metadata: { ...shape('llama'), ...byteLevel('smollm') }, tensors: layer() }) },
    { kind: 'gguf', bytes: buildGguf({ metadata: { ...shape('gemma2'), ...sentencepiece() }, tensors: layer() }) },
    {
      kind: 'gguf',
      bytes: buildGguf({
        metadata: { ...shape('phi3'), ...sentencepiece() },
        tensors: [...layer(), ...factors()],
        version: 2,
      }),
    },
    {
      kind: 'gguf',
      bytes: buildGguf({ metadata: { ...shape('qwen2'), ...byteLevel('qwen2') }, tensors: quantised() }),
    },
    { kind: 'safetensors', bytes: safetensors() },
  ];
}

function shape(architecture: string): Record<string, BuiltValue> {
  const key = (name: string): string => `${architecture}.${name}`;
  return {
    'general.architecture': { text: architecture },
    'general.alignment': { u32: 32 },
    [key('context_length')]: { u32: 64 },
    [key('embedding_length')]: { u32: HIDDEN },
    [key('block_count')]: { u32: 1 },
    [key('feed_forward_length')]: { u32: 16 },
    [key('attention.head_count')]: { u32: HEADS },
    [key('attention.head_count_kv')]: { i32s: [HEADS] },
    [key('attention.layer_norm_rms_epsilon')]: { f32: 1e-5 },
    [key('attention.sliding_window')]: { u32: 16 },
    [key('rope.freq_base')]: { f32: 10_000 },
    [key('rope.scaling.original_context_length')]: { u32: 32 },
  };
}

function byteLevel(pre: string): Record<string, BuiltValue> {
  return {
    'tokenizer.ggml.model': { text: 'gpt2' },
    'tokenizer.ggml.pre': { text: pre },
    'tokenizer.ggml.tokens': { texts: VOCABULARY },
    'tokenizer.ggml.token_type': { i32s: [3, 3, 1, 1, 1, 1, 1, 1] },
    'tokenizer.ggml.merges': { texts: ['a b', 'Ġ a'] },
    'tokenizer.ggml.bos_token_id': { u32: 0 },
    'tokenizer.ggml.eos_token_id': { u32: 1 },
    'tokenizer.ggml.add_bos_token': { bool: true },
    'tokenizer.chat_template': { text: "{{ messages[0]['content'] }}" },
  };
}

function sentencepiece(): Record<string, BuiltValue> {
  return {
    'tokenizer.ggml.model': { text: 'llama' },
    'tokenizer.ggml.tokens': { texts: PIECES.slice(0, -1) },
    'tokenizer.ggml.scores': { f32s: PIECES.slice(0, -1).map((_, id) => -id) },
    'tokenizer.ggml.token_type': { i32s: [2, 3, 3, 1, 1, 1, 1, 1, 1] },
    'tokenizer.ggml.add_space_prefix': { bool: true },
  };
}

function layer(): BuiltTensor[] {
  const values = Array.from({ length: HIDDEN * HIDDEN }, (_, i) => i / 64);
  return [
    f32Tensor('token_embd.weight', [8, HIDDEN], values),
    f32Tensor('output_norm.weight', [HIDDEN], values.slice(0, HIDDEN)),
    f32Tensor('blk.0.attn_q.weight', [HIDDEN, HIDDEN], values),
    f32Tensor('blk.0.attn_k.weight', [HIDDEN, HIDDEN], values),
  ];
}

function factors(): BuiltTensor[] {
  return [f32Tensor('rope_factors_short.weight', [2], [1, 1.5]), f32Tensor('rope_factors_long.weight', [2], [2, 4])];
}

function quantised(): BuiltTensor[] {
  const q4 = { name: 'blk.0.ffn_up.weight', shape: [2, 32], type: 3, data: new Uint8Array(40).fill(0x3c) };
  const q6 = { name: 'blk.0.ffn_down.weight', shape: [1, 256], type: 14, data: new Uint8Array(210).fill(0x15) };
  return [...layer(), q4, q6];
}

function safetensors(): Uint8Array {
  return buildSafetensors([
    { name: 'model.embed_tokens.weight', dtype: 'F32', shape: [4, 2], data: new Uint8Array(32) },
    { name: 'model.norm.weight', dtype: 'BF16', shape: [2], data: new Uint8Array(4) },
    { name: 'lm_head.weight', dtype: 'F16', shape: [4, 2], data: new Uint8Array(16) },
  ]);
}
