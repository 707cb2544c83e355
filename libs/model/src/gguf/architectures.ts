/** What differs between the architectures that GGUF files name. */
export interface Architecture {
  /** `model_type` of Hugging Face. */
  readonly modelType: string;
  /** `architectures[0]` of Hugging Face. */
  readonly className: string;
  /** q and k rows are stored for interleaved rotation and must be put back into halves. */
  readonly permutedRope: boolean;
  /** Norm weights are stored with 1 added; Hugging Face adds it when it computes. */
  readonly normsPlusOne: boolean;
  /** Norms before and after attention and feed-forward, four per layer. */
  readonly sandwichNorms: boolean;
  /** `hidden_act` of Hugging Face. */
  readonly activation: string;
}

const PLAIN = { permutedRope: false, normsPlusOne: false, sandwichNorms: false, activation: 'silu' } as const;
const GEMMA = {
  permutedRope: false,
  normsPlusOne: true,
  sandwichNorms: true,
  activation: 'gelu_pytorch_tanh',
} as const;

/** By `general.architecture`. Mistral's models are `llama` there. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: { ...PLAIN, modelType: 'llama', className: 'LlamaForCausalLM', permutedRope: true },
  smollm3: { ...PLAIN, modelType: 'smollm3', className: 'SmolLM3ForCausalLM', permutedRope: true },
  qwen2: { ...PLAIN, modelType: 'qwen2', className: 'Qwen2ForCausalLM' },
  qwen3: { ...PLAIN, modelType: 'qwen3', className: 'Qwen3ForCausalLM' },
  phi3: { ...PLAIN, modelType: 'phi3', className: 'Phi3ForCausalLM' },
  gemma2: { ...GEMMA, modelType: 'gemma2', className: 'Gemma2ForCausalLM' },
  gemma3: { ...GEMMA, modelType: 'gemma3_text', className: 'Gemma3ForCausalLM' },
};
