import type { ModelManifest } from './manifest.js';

type Defaults = ModelManifest['generation'];

/**
 * Sampling defaults of models whose files carry none: GGUF files have no generation_config.json, and some checkpoints
 * say them in their model card only. By what the model's name contains, in lower case with single hyphens.
 *
 * Sources: SmolLM2, the "How to use" of the model card of HuggingFaceTB/SmolLM2-135M-Instruct (the same in 360M and
 * 1.7B); SmolLM3, generation_config.json of HuggingFaceTB/SmolLM3-3B; Qwen3, generation_config.json of Qwen/Qwen3-8B
 * (thinking mode); Qwen2.5, generation_config.json of Qwen/Qwen2.5-7B-Instruct; Llama 3, generation_config.json of
 * meta-llama/Llama-3.1-8B-Instruct; Gemma 3, generation_config.json of google/gemma-3-1b-it.
 */
const KNOWN: readonly (readonly [name: RegExp, defaults: Defaults])[] = [
  [/smollm2-.*instruct/u, { temperature: 0.2, topP: 0.9 }],
  [/smollm3-3b(?!-base)/u, { temperature: 0.6, topP: 0.95 }],
  [/qwen3-[\d-]+b(?!-base)/u, { temperature: 0.6, topP: 0.95, topK: 20 }],
  [/qwen2-5-.*instruct/u, { temperature: 0.7, topP: 0.8, topK: 20, repetitionPenalty: 1.05 }],
  [/llama-3(-[123])?-.*instruct/u, { temperature: 0.6, topP: 0.9 }],
  [/gemma-3-.*it\b/u, { temperature: 1, topP: 0.95, topK: 64 }],
];

/**
 * What the model says about sampling: its own files where they say anything, else what is known about a model of that
 * name. Empty where nothing is known.
 */
export function samplingDefaultsOf({ name, generation }: Pick<ModelManifest, 'name' | 'generation'>): Defaults {
  if (Object.keys(generation).length > 0) return generation;
  const plain = name.toLowerCase().replace(/[^a-z0-9]+/gu, '-');
  return KNOWN.find(([pattern]) => pattern.test(plain))?.[1] ?? {};
}
