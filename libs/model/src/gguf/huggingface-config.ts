import { corrupt, overLimit, shown, unsupported } from '../checkpoint/checkpoint-errors.js';
import { ARCHITECTURES, type Architecture } from './architectures.js';
import type { GgufTensor } from './gguf-header.js';
import type { MetadataView } from './metadata-view.js';
import { DEFAULT_THETA } from './rope-keys.js';
import { ropeScaling, type RopeFactors } from './rope-scaling.js';

/** Numbers of layers by which llama.cpp knows the 27B models, whose query scale no metadata key holds. */
const GEMMA_27B_LAYERS: Readonly<Record<string, number>> = { gemma2: 46, gemma3_text: 62 };
/** SmolLM3 leaves every fourth layer without rotation; no metadata key holds it. */
const SMOLLM3_NO_ROPE_INTERVAL = 4;
const GEMMA3_WINDOW_PATTERN = 6;
const GEMMA3_LOCAL_THETA = 10_000;

/** Lists per layer are made up to this many; the deepest published models have about 130. */
const MAX_LAYERS = 1024;

type Json = Record<string, unknown>;

export interface ConfigSource {
  readonly view: MetadataView;
  /** The file's tensors under the file's names. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly ropeFactors: RopeFactors;
}

/** Finds the architecture. @throws AppError `UNSUPPORTED_CHECKPOINT` naming it. */
export function architectureOf(view: MetadataView): Architecture {
  const name = view.text('general.architecture');
  if (name === undefined) throw corrupt(view.file, 'it names no general.architecture.');
  const architecture = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (architecture) return architecture;
  const known = Object.keys(ARCHITECTURES).join(', ');
  throw unsupported(view.file, `the architecture ${shown(name)} is not supported; these are: ${known}.`);
}

/** Heads as the row permutation needs them. */
export function headCounts(view: MetadataView): { heads: number; kvHeads: number } {
  const arch = view.text('general.architecture') ?? '';
  const heads = view.requiredCount(`${arch}.attention.head_count`);
  const kvHeads = view.count(`${arch}.attention.head_count_kv`) ?? heads;
  if (heads === 0 || kvHeads === 0) throw corrupt(view.file, 'its attention has no heads.');
  return { heads, kvHeads };
}

/**
 * Makes the configuration that the checkpoint had at Hugging Face.
 *
 * @throws AppError `METADATA_MISSING`, `CHECKPOINT_CORRUPT`, `UNSUPPORTED_CHECKPOINT`.
 */
export function huggingfaceConfig(source: ConfigSource): Json {
  const { view } = source;
  const architecture = architectureOf(view);
  const prefix = view.text('general.architecture') as string;
  const shape = shapeOf(source, prefix);
  const config: Json = {
    architectures: [architecture.className],
    model_type: architecture.modelType,
    ...shape,
    hidden_act: architecture.activation,
    rms_norm_eps: view.requiredNumber(`${prefix}.attention.layer_norm_rms_epsilon`),
    tie_word_embeddings: !source.tensors.has('output.weight'),
    attention_bias: source.tensors.has('blk.0.attn_q.bias'),
    mlp_bias: source.tensors.has('blk.0.ffn_up.bias'),
    ...ropeKeys(source, prefix, shape),
    ...specialTokens(view),
  };
  return { ...config, ...familyKeys({ view, prefix, shape, modelType: architecture.modelType }) };
}

interface Shape {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  max_position_embeddings: number;
}

function shapeOf(source: ConfigSource, prefix: string): Shape {
  const { view, tensors } = source;
  const hidden = view.requiredCount(`${prefix}.embedding_length`);
  const { heads, kvHeads } = headCounts(view);
  const headDim = view.count(`${prefix}.attention.key_length`) ?? hidden / heads;
  if (!Number.isSafeInteger(headDim)) throw corrupt(view.file, `${heads} heads do not divide a width of ${hidden}.`);
  if ((view.count(`${prefix}.attention.value_length`) ?? headDim) !== headDim) {
    throw unsupported(view.file, 'keys and values of different length are not supported.');
  }
  if ((view.count(`${prefix}.expert_count`) ?? 0) > 0) throw unsupported(view.file, 'experts are not supported.');
  const layers = view.requiredCount(`${prefix}.block_count`);
  if (layers > MAX_LAYERS) throw overLimit(view.file, `${layers} layers`, MAX_LAYERS);
  const vocabulary = tensors.get('token_embd.weight')?.shape[0];
  if (vocabulary === undefined) throw corrupt(view.file, 'it has no tensor token_embd.weight.');
  return {
    vocab_size: vocabulary,
    hidden_size: hidden,
    intermediate_size: view.requiredCount(`${prefix}.feed_forward_length`),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    max_position_embeddings: view.requiredCount(`${prefix}.context_length`),
  };
}

function ropeKeys(source: ConfigSource, prefix: string, shape: Shape): Json {
  const { view } = source;
  const theta = view.number(`${prefix}.rope.freq_base`) ?? DEFAULT_THETA;
  const rotaryDim = view.count(`${prefix}.rope.dimension_count`) ?? shape.head_dim;
  const scaling = ropeScaling(view, prefix, {
    factors: source.ropeFactors,
    rope: { theta, rotaryDim, contextLength: shape.max_position_embeddings },
  });
  const original = scaling?.['original_max_position_embeddings'];
  return {
    rope_theta: theta,
    rope_scaling: scaling,
    // Phi-3 keeps it at the top; elsewhere it repeats rope_scaling.
    ...(original === undefined ? {} : { original_max_position_embeddings: original }),
    ...(rotaryDim === shape.head_dim ? {} : { partial_rotary_factor: rotaryDim / shape.head_dim }),
  };
}

function specialTokens(view: MetadataView): Json {
  const ids: Json = {};
  for (const [key, name] of [
    ['bos_token_id', 'bos'],
    ['eos_token_id', 'eos'],
    ['pad_token_id', 'padding'],
  ] as const) {
    const id = view.count(`tokenizer.ggml.${name}_token_id`);
    if (id !== undefined) ids[key] = id;
  }
  return ids;
}

interface FamilySource {
  view: MetadataView;
  prefix: string;
  shape: Shape;
  modelType: string;
}

function familyKeys(source: FamilySource): Json {
  const { view, prefix, shape, modelType } = source;
  const window = view.count(`${prefix}.attention.sliding_window`);
  const layers = shape.num_hidden_layers;
  switch (modelType) {
    case 'llama':
      // Of the models that share this architecture only Mistral's have a window.
      return window ? { model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: window } : {};
    case 'phi3':
      return { sliding_window: window ? window : null };
    case 'smollm3':
      return {
        no_rope_layer_interval: SMOLLM3_NO_ROPE_INTERVAL,
        no_rope_layers: layerList(layers, (i) => ((i + 1) % SMOLLM3_NO_ROPE_INTERVAL === 0 ? 0 : 1)),
        use_sliding_window: false,
      };
    case 'gemma2':
      return { ...gemmaKeys(source, window), layer_types: layerTypes(layers, 2) };
    case 'gemma3_text':
      return {
        ...gemmaKeys(source, window),
        layer_types: layerTypes(
          layers,
          view.count(`${prefix}.attention.sliding_window_pattern`) || GEMMA3_WINDOW_PATTERN,
        ),
        rope_local_base_freq: view.number(`${prefix}.rope.freq_base_swa`) ?? GEMMA3_LOCAL_THETA,
      };
    default:
      return { use_sliding_window: false };
  }
}

function gemmaKeys(source: FamilySource, window: number | undefined): Json {
  const { view, prefix, shape, modelType } = source;
  if (!window) throw corrupt(view.file, `${prefix}.attention.sliding_window is missing.`);
  const scale = view.number(`${prefix}.attention.scale`);
  const byWidth = GEMMA_27B_LAYERS[modelType] === shape.num_hidden_layers;
  return {
    hidden_activation: 'gelu_pytorch_tanh',
    sliding_window: window,
    query_pre_attn_scalar: scale
      ? scale ** -2
      : byWidth
        ? shape.hidden_size / shape.num_attention_heads
        : shape.head_dim,
    attn_logit_softcapping: view.number(`${prefix}.attn_logit_softcapping`) ?? null,
    final_logit_softcapping: view.number(`${prefix}.final_logit_softcapping`) ?? null,
  };
}

function layerList<T>(layers: number, of: (layer: number) => T): T[] {
  return Array.from({ length: layers }, (_, i) => of(i));
}

/** Every `pattern`-th layer attends to everything. */
function layerTypes(layers: number, pattern: number): string[] {
  return layerList(layers, (i) => ((i + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention'));
}
