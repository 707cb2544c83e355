import { checkPreset, parsePolicyText, type PolicySpec } from '@longhaul/attention';
import type { inferenceV1 } from '@longhaul/contracts';
import { invalidArgument } from '@longhaul/kernel';
import { completeChatOptions } from '../../core/chat-options.js';
import type { PromptInput } from '../../core/command.js';
import type { ChatMessage } from '../../core/ports.js';
import { checkTemplateVariables } from '../../core/template-variables.js';

/** Rough bytes of a token id in memory while a request waits. */
const TOKEN_BYTES = 4;
const MAX_NAME_CHARACTERS = 64;
const ROLES = ['system', 'developer', 'user', 'assistant'];

export type WireInput = inferenceV1.GenerateRequest['input'] | inferenceV1.TokenizeRequest['input'];

/** How a text is read; unset is yes. */
export interface WireTextOptions {
  addSpecialTokens?: boolean | undefined;
  parseSpecialTokens?: boolean | undefined;
}

/**
 * The prompt of a request.
 *
 * @throws AppError `INVALID_ARGUMENT` naming the field as the messages of the contract do.
 */
export function toInput(input: WireInput, text: WireTextOptions): PromptInput {
  switch (input?.$case) {
    case 'chat':
      return toChat(input.value, text);
    case 'prompt':
    case 'text': {
      const { addSpecialTokens = true, parseSpecialTokens = true } = text;
      return { kind: 'text', text: input.value, options: { addSpecialTokens, parseSpecialTokens } };
    }
    case 'tokens':
      return { kind: 'tokens', tokenIds: input.value.tokenIds };
    case undefined:
      throw invalidArgument('input', 'One of the inputs must be set.');
  }
}

/**
 * How attention is computed: nothing said, the name of a preset, or the text of a JSON object.
 *
 * @throws AppError `INVALID_ARGUMENT` naming the field from `attention` on.
 */
export function toAttention(text: string): PolicySpec | null {
  if (text === '') return null;
  const isName = /^[\w-]*$/u.test(text);
  return isName ? { preset: checkPreset('attention', text) } : parsePolicyText('attention', text);
}

/** Bytes that a prompt takes while its request waits, more or less. */
export function inputBytes(input: WireInput): number {
  switch (input?.$case) {
    case 'chat': {
      const { messages, templateVariablesJson } = input.value;
      const texts = messages.flatMap(({ content, name, reasoningContent }) => [content, name, reasoningContent]);
      return [templateVariablesJson, ...texts].reduce((sum, part) => sum + Buffer.byteLength(part), 0);
    }
    case 'prompt':
    case 'text':
      return Buffer.byteLength(input.value);
    case 'tokens':
      return input.value.tokenIds.length * TOKEN_BYTES;
    case undefined:
      return 0;
  }
}

function toChat(chat: inferenceV1.ChatInput, { parseSpecialTokens }: WireTextOptions): PromptInput {
  if (chat.messages.length === 0) throw invalidArgument('chat.messages', 'chat.messages must not be empty.');
  if (parseSpecialTokens === true) {
    const message = 'Special tokens spelled in messages are never read as such; render the prompt yourself.';
    throw invalidArgument('parse_special_tokens', message);
  }
  const options = completeChatOptions({
    addGenerationPrompt: chat.addGenerationPrompt,
    continueFinalMessage: chat.continueFinalMessage,
    variables: templateVariables(chat.templateVariablesJson),
  });
  return { kind: 'chat', messages: chat.messages.map(toMessage), options };
}

function toMessage(message: inferenceV1.ChatMessage, index: number): ChatMessage {
  const { role, content, name, reasoningContent } = message;
  const field = `chat.messages[${index}]`;
  if (!ROLES.includes(role)) {
    const allowed = 'system, developer, user or assistant; tool calls are not supported';
    throw invalidArgument(`${field}.role`, `${field}.role must be ${allowed}.`);
  }
  if (name.length > MAX_NAME_CHARACTERS) {
    throw invalidArgument(`${field}.name`, `${field}.name has more than ${MAX_NAME_CHARACTERS} characters.`);
  }
  return {
    role: role === 'developer' ? 'system' : role,
    content,
    ...(name === '' ? {} : { name }),
    ...(reasoningContent === '' ? {} : { reasoning_content: reasoningContent }),
  };
}

function templateVariables(json: string): Readonly<Record<string, unknown>> {
  if (json === '') return {};
  const field = 'chat.template_variables_json';
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalidArgument(field, `${field} is not JSON.`);
  }
  return checkTemplateVariables(field, value);
}
