import { AppError, invalidArgument } from '@longhaul/kernel';
import type { ChatMessage } from './chat-template.js';
import type { RenderedPrompt } from './content-mask.js';

const FIRST_MARK = 0xfdd0;
const LAST_MARK = 0xfdef;
const MARK_LIKE = /[\uFDD0-\uFDEF]/gu;

/** A conversation whose last message carries a mark, and the way to cut what was rendered at that mark. */
export interface OpenTurn {
  messages: readonly ChatMessage[];
  /** The rendered prompt up to the end of the last message's content. */
  cut(rendered: RenderedPrompt): RenderedPrompt;
}

/**
 * Leaves the last message of a conversation open, so that a model goes on with it instead of beginning a turn.
 *
 * The end of the message is marked before rendering and the prompt ends at the mark, so the template may put anything
 * behind the message. White space at the end of the message is kept.
 *
 * @throws AppError INVALID_ARGUMENT naming `messages` without a message that ends in a text; from `cut`,
 *   CHAT_TEMPLATE_FAILED where the template leaves the last message out.
 */
export function openLastTurn(messages: readonly ChatMessage[]): OpenTurn {
  const last = messages.at(-1);
  if (last === undefined || typeof last.content !== 'string') {
    throw invalidArgument('messages', 'The last message must have a text that the answer can go on with.');
  }
  const mark = unusedMark(messages);
  return {
    messages: [...messages.slice(0, -1), { ...last, content: last.content + mark }],
    cut: ({ text, literalOffsets }) => {
      const end = text.lastIndexOf(mark);
      if (end < 0) throw leftOut();
      return { text: text.slice(0, end), literalOffsets: literalOffsets.filter((offset) => offset < end) };
    },
  };
}

/** A noncharacter that no message contains; a template may render any of them twice. */
function unusedMark(messages: readonly ChatMessage[]): string {
  const used = new Set(
    messages.flatMap(({ content }) => (typeof content === 'string' && content.match(MARK_LIKE)) || []),
  );
  for (let code = FIRST_MARK; code <= LAST_MARK; code++) {
    const mark = String.fromCharCode(code);
    if (!used.has(mark)) return mark;
  }
  throw invalidArgument('messages', 'messages use every noncharacter from U+FDD0 to U+FDEF; leave some out.');
}

function leftOut(): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'CHAT_TEMPLATE_FAILED',
    field: 'messages',
    message: "The model's chat template leaves the last message out, so it cannot be continued.",
  });
}
