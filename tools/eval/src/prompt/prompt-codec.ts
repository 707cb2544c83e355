import type { TokenizerFiles } from '@longhaul/inference';
import {
  createChatTemplate,
  createTokenizer,
  openLastTurn,
  type ChatTemplate,
  type RenderedPrompt,
  type Tokenizer,
} from '@longhaul/tokenizer';

/** What a task shows a model. */
export interface TaskPrompt {
  /** Instruction, context and question. */
  readonly text: string;
  /** How the answer begins: part of the prompt, and in a conversation the beginning of the assistant's turn. */
  readonly answerPrefix: string;
  /** Shown without the model's template even where it has one. */
  readonly plain?: boolean;
}

/** `chat` writes prompts by the model's own template, `plain` as they are (base models). */
export type PromptForm = 'chat' | 'plain';

/** Writes prompts as the model reads them, and counts their tokens. */
export class PromptCodec {
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate;
  readonly form: PromptForm;

  /** @param form undefined takes the model's template where it has one. @throws AppError of a tokenizer or a template that is not supported. */
  constructor(files: TokenizerFiles, form?: PromptForm) {
    this.#tokenizer = createTokenizer(files);
    this.#template = createChatTemplate(files, this.#tokenizer);
    this.form = form ?? (this.#template.present ? 'chat' : 'plain');
  }

  /** The ids of a prompt up to where the answer begins. */
  encode(prompt: TaskPrompt): Int32Array {
    return this.form === 'chat' && prompt.plain !== true ? this.#conversation(prompt) : this.#plain(prompt);
  }

  count(prompt: TaskPrompt): number {
    return this.encode(prompt).length;
  }

  /** Ids of a text by itself, without BOS. */
  tokens(text: string): Int32Array {
    return this.#tokenizer.encode(text, { addSpecialTokens: false });
  }

  /** A token as the vocabulary spells it. */
  name(tokenId: number): string {
    return this.#tokenizer.vocabularyString(tokenId) ?? '';
  }

  text(tokenIds: Iterable<number>): string {
    return this.#tokenizer.decode(tokenIds);
  }

  #plain({ text, answerPrefix }: TaskPrompt): Int32Array {
    return this.#tokenizer.encode(answerPrefix === '' ? text : `${text}\n${answerPrefix}`);
  }

  #conversation({ text, answerPrefix }: TaskPrompt): Int32Array {
    const user = { role: 'user', content: text };
    if (answerPrefix === '') return this.#encode(this.#template.prompt([user]));
    const open = openLastTurn([user, { role: 'assistant', content: answerPrefix }]);
    return this.#encode(open.cut(this.#template.prompt(open.messages, { addGenerationPrompt: false })));
  }

  #encode({ text, literalOffsets }: RenderedPrompt): Int32Array {
    return this.#tokenizer.encode(text, { addSpecialTokens: false, parseSpecial: true, literalOffsets });
  }
}
