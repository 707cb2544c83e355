import type { MetadataView } from '../metadata-view.js';
import { tokenId } from './vocabulary.js';

/** How chat templates end a turn; files often name only the token that ends a text. */
const TURN_ENDS = ['<|im_end|>', '<|eot_id|>', '<|eom_id|>', '<end_of_turn>', '<|end|>'] as const;

/**
 * Ids that end an answer, without repetition: the file's end of text, of turn and of message, then every known token
 * that its chat template ends turns with.
 */
export function endOfTurnTokens(view: MetadataView): number[] {
  const tokens = view.texts('tokenizer.ggml.tokens') ?? [];
  const ends = new Set<number>();
  for (const name of ['eos', 'eot', 'eom']) {
    const id = tokenId(view, name, tokens.length);
    if (id !== undefined) ends.add(id);
  }
  const template = chatTemplate(view);
  for (const token of TURN_ENDS) {
    if (!template?.includes(token)) continue;
    const id = tokens.indexOf(token);
    if (id >= 0) ends.add(id);
  }
  return [...ends];
}

/** Jinja source of the default chat template. */
export function chatTemplate(view: MetadataView): string | null {
  return view.text('tokenizer.chat_template') ?? null;
}
