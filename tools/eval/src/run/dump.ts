import { appendFileSync, writeFileSync } from 'node:fs';
import type { PromptCodec } from '../prompt/prompt-codec.js';
import { casesOf, type Plan } from './plan.js';

/** Writes every sample as a line of JSON, for people, and for whoever trains a model on such tasks. */
export function dumpSamples(path: string, plan: Plan, codec: PromptCodec): void {
  writeFileSync(path, '');
  for (const { task, length, index } of casesOf({ ...plan, kvTypes: ['any'] })) {
    const { prompt, tokenIds, references, answerTokens } = task.sample({ seed: plan.seed, length, index }, codec);
    const { text, answerPrefix } = prompt;
    const sample = { task: task.name, length, sample: index, text, answer_prefix: answerPrefix, references };
    const counts = { prompt_tokens: tokenIds.length, answer_tokens: answerTokens };
    appendFileSync(path, `${JSON.stringify({ ...sample, ...counts })}\n`);
  }
}
