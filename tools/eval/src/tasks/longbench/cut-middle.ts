import { AppError } from '@longhaul/kernel';
import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';

/**
 * A prompt that fits: of a longer one the first and the last half of what there is room for, as LongBench cuts. Tokens
 * that are cut apart may come back as more, so a few more are taken out where it still does not fit.
 *
 * @throws AppError `LENGTH_TOO_SHORT` where the template alone leaves no room.
 */
export function cutToFit(prompt: TaskPrompt, budget: number, codec: PromptCodec): TaskPrompt {
  if (codec.count(prompt) <= budget) return prompt;
  const tokens = codec.tokens(prompt.text);
  let room = budget - codec.count({ ...prompt, text: '' });
  while (room > 1) {
    const half = room >> 1;
    const text = codec.text(tokens.subarray(0, half)) + codec.text(tokens.subarray(tokens.length - half));
    const excess = codec.count({ ...prompt, text }) - budget;
    if (excess <= 0) return { ...prompt, text };
    room -= Math.max(2, excess);
  }
  throw new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'LENGTH_TOO_SHORT',
    field: '--lengths',
    message: `--lengths: ${budget} tokens beside the answer leave no room for a text.`,
  });
}
