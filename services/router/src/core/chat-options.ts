import { invalidArgument } from '@longhaul/kernel';
import type { ChatOptions } from './ports.js';

/** What a caller may say about how a conversation becomes a prompt; undefined and null leave it to the other fields. */
export interface AskedChatOptions {
  addGenerationPrompt?: boolean | null | undefined;
  continueFinalMessage?: boolean | null | undefined;
  variables?: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * The options with their defaults: the assistant's turn comes next, except where the last message stays open.
 *
 * @throws AppError `INVALID_ARGUMENT` naming `continue_final_message` where both are asked for.
 */
export function completeChatOptions(asked: AskedChatOptions): ChatOptions {
  const continueFinalMessage = asked.continueFinalMessage ?? false;
  if (continueFinalMessage && asked.addGenerationPrompt === true) {
    const message = 'continue_final_message and add_generation_prompt cannot both be true.';
    throw invalidArgument('continue_final_message', message);
  }
  return {
    continueFinalMessage,
    addGenerationPrompt: asked.addGenerationPrompt ?? !continueFinalMessage,
    variables: asked.variables ?? {},
  };
}
