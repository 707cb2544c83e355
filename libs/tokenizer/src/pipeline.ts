import { objectAt, objectsAt, unsupported, type JsonObject } from './json.js';
import { MAX_STEPS_OF_A_PIPELINE } from './limits.js';

/**
 * The steps of one part of a tokenizer.json (`normalizer`, `pre_tokenizer`, `decoder`, `post_processor`), with every
 * Sequence replaced by what is in it. Does not recurse: files may nest as deeply as they like.
 *
 * @param key where a Sequence of this part has its steps
 * @throws AppError UNSUPPORTED_TOKENIZER for more than 64 steps, Sequences counted
 */
export function pipelineSteps(value: unknown, key: string, part: string): readonly JsonObject[] {
  if (value === null || value === undefined) return [];
  const steps: JsonObject[] = [];
  const open: JsonObject[] = [objectAt(value, part)];
  for (let seen = 0; ; seen++) {
    const step = open.pop();
    if (step === undefined) return steps;
    if (seen >= MAX_STEPS_OF_A_PIPELINE) {
      throw unsupported(`${part} has more than ${MAX_STEPS_OF_A_PIPELINE} steps.`);
    }
    if (step['type'] !== 'Sequence') steps.push(step);
    else {
      const inner = objectsAt(step[key], `${part}.${key}`);
      if (inner.length > MAX_STEPS_OF_A_PIPELINE) {
        throw unsupported(`${part} has more than ${MAX_STEPS_OF_A_PIPELINE} steps.`);
      }
      open.push(...inner.toReversed());
    }
  }
}
