import { AppError } from '@longhaul/kernel';
import { isJsonObject } from '../checkpoint/json-object.js';

/** Published pipelines have up to 10 steps and nest twice. */
export const MAX_PIPELINE_STEPS = 64;
export const MAX_PIPELINE_DEPTH = 8;

const PIPELINES = ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder'] as const;
/** The key under which a `Sequence` of each pipeline has its steps. */
const STEP_KEYS = ['normalizers', 'pretokenizers', 'processors', 'decoders'] as const;

/** The error for a tokenizer whose files contradict themselves, each other or the model. */
export function tokenizerInvalid(message: string, cause?: unknown): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'TOKENIZER_INVALID', message, field: 'source', cause });
}

/**
 * Checks that the steps of a tokenizer.json are few and nest little: every text passes through all of them, and readers
 * descend.
 *
 * @throws AppError `TOKENIZER_INVALID` naming the pipeline and the limit.
 */
export function checkPipelines(tokenizer: Readonly<Record<string, unknown>>): void {
  for (const pipeline of PIPELINES) {
    const { steps, depth } = measure(tokenizer[pipeline]);
    if (depth > MAX_PIPELINE_DEPTH) throw tooLarge(pipeline, `nests ${depth} deep`, MAX_PIPELINE_DEPTH);
    if (steps > MAX_PIPELINE_STEPS) throw tooLarge(pipeline, `has ${steps} steps`, MAX_PIPELINE_STEPS);
  }
}

function tooLarge(pipeline: string, what: string, limit: number): AppError {
  return tokenizerInvalid(`tokenizer.json: ${pipeline} ${what}; the limit is ${limit}.`);
}

/** The nesting of the JSON is bounded already, so this may descend. */
function measure(step: unknown): { steps: number; depth: number } {
  if (!isJsonObject(step)) return { steps: 0, depth: 0 };
  const total = { steps: 1, depth: 1 };
  for (const key of STEP_KEYS) {
    const inner: readonly unknown[] = Array.isArray(step[key]) ? (step[key] as unknown[]) : [];
    for (const one of inner) {
      const { steps, depth } = measure(one);
      total.steps += steps;
      total.depth = Math.max(total.depth, depth + 1);
    }
  }
  return total;
}
