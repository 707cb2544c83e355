import type { TokenizerFiles } from '@longhaul/inference';
import { AppError, invalidArgument } from '@longhaul/kernel';
import { ContentMask, type RenderedPrompt } from './content-mask.js';
import { controlTokensOf } from './control-tokens.js';
import { TemplateBudgetExceeded } from './jinja/budgeted-interpreter.js';
import { parseJinja, renderJinja, TemplateRefusal, type JinjaProgram } from './jinja.js';
import { MAX_TEXT_UNITS } from './limits.js';
import { readTokenizerConfig } from './tokenizer-config.js';
import type { Tokenizer } from './tokenizer.js';

export const MAX_MESSAGES = 4096;
const MAX_REASON_UNITS = 300;
/** A template may build a control token out of a role (`'<|' + role + '|>'`), so roles are a closed list. */
const ROLES: readonly string[] = ['system', 'developer', 'user', 'assistant', 'tool', 'function', 'ipython'];

/** A message as the template sees it; other keys (`tool_calls`, `name`) pass through. */
export interface ChatMessage {
  role: string;
  content?: unknown;
  [key: string]: unknown;
}

export interface ChatTemplateOptions {
  /** End with the opening of the assistant's turn. Default true. */
  addGenerationPrompt?: boolean;
  /** Tool definitions, as the API takes them. */
  tools?: readonly unknown[];
  /** More variables for the template (`enable_thinking`). They do not replace the ones above. */
  variables?: Readonly<Record<string, unknown>>;
  /** What `strftime_now` tells; default now. */
  now?: Date;
}

/** The chat template of a model. */
export interface ChatTemplate {
  /** Whether the model has one at all. */
  readonly present: boolean;
  /**
   * The conversation as text, without a word about what is literal: for people. Use `prompt` to encode.
   *
   * @throws AppError as `prompt`
   */
  render(messages: readonly ChatMessage[], options?: ChatTemplateOptions): string;
  /**
   * The conversation as text and the places where the messages spell control tokens. Encode it by `encodePrompt`.
   *
   * @throws AppError CHAT_TEMPLATE_MISSING (FAILED_PRECONDITION), CHAT_TEMPLATE_FAILED (INVALID_ARGUMENT, `messages`)
   *   when the template refuses the messages, INVALID_ARGUMENT for an unknown role, over 4,096 messages, or a text over
   *   33,554,432 UTF-16 units.
   */
  prompt(messages: readonly ChatMessage[], options?: ChatTemplateOptions): RenderedPrompt;
}

function failed(cause: unknown): AppError {
  if (AppError.isInstance(cause)) return cause;
  const known = cause instanceof TemplateRefusal || cause instanceof TemplateBudgetExceeded;
  const said = known ? cause.message : 'it does not fit what the template expects.';
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'CHAT_TEMPLATE_FAILED',
    field: 'messages',
    message: `The model's chat template refuses the messages: ${said.slice(0, MAX_REASON_UNITS)}`,
    ...(cause instanceof TemplateBudgetExceeded ? { details: cause.details } : {}),
    cause,
  });
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (messages.length > MAX_MESSAGES) {
    throw invalidArgument('messages', `There are ${messages.length} messages; at most ${MAX_MESSAGES} are allowed.`);
  }
  messages.forEach(({ role }, index) => {
    if (ROLES.includes(role)) return;
    throw invalidArgument(`messages[${index}].role`, `The role must be one of ${ROLES.join(', ')}.`);
  });
}

type ControlSpellings = Pick<Tokenizer, 'controlTokens' | 'addedTokens'>;

class JinjaChatTemplate implements ChatTemplate {
  readonly present: boolean;
  readonly #source: string | null;
  readonly #tokens: Readonly<Record<string, string>>;
  readonly #tokenizer: ControlSpellings;
  #parts: { program: JinjaProgram; mask: ContentMask } | null = null;

  constructor(source: string | null, tokens: Readonly<Record<string, string>>, tokenizer: ControlSpellings) {
    this.present = source !== null;
    this.#source = source;
    this.#tokens = tokens;
    this.#tokenizer = tokenizer;
  }

  render(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string {
    return this.prompt(messages, options).text;
  }

  prompt(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): RenderedPrompt {
    const { program, mask } = this.#parsed();
    checkMessages(messages);
    const values = {
      ...options.variables,
      messages,
      // Always there: templates ask `tools is not none`.
      tools: options.tools ?? null,
      documents: null,
    };
    const prompt = guarded(() =>
      mask.render(values, (masked, plain) => {
        const fixed = { ...this.#tokens, add_generation_prompt: options.addGenerationPrompt ?? true };
        return renderJinja(program, { ...masked, ...fixed }, { now: options.now ?? new Date(), plain });
      }),
    );
    if (prompt.text.length > MAX_TEXT_UNITS) {
      throw invalidArgument('messages', `The messages render to over ${MAX_TEXT_UNITS} UTF-16 units.`);
    }
    return prompt;
  }

  #parsed(): { program: JinjaProgram; mask: ContentMask } {
    if (this.#source === null) {
      throw new AppError({
        code: 'FAILED_PRECONDITION',
        reason: 'CHAT_TEMPLATE_MISSING',
        field: 'messages',
        message: 'The model has no chat template; send a plain prompt instead.',
      });
    }
    return (this.#parts ??= this.#open(this.#source));
  }

  #open(source: string): { program: JinjaProgram; mask: ContentMask } {
    const program = parse(source);
    const control = controlTokensOf(program, this.#tokenizer, Object.values(this.#tokens));
    return { program, mask: new ContentMask(control, source) };
  }
}

function guarded(render: () => RenderedPrompt): RenderedPrompt {
  try {
    return render();
  } catch (cause) {
    throw failed(cause);
  }
}

function parse(source: string): JinjaProgram {
  try {
    return parseJinja(source);
  } catch (cause) {
    throw new AppError({
      code: 'UNIMPLEMENTED',
      reason: 'UNSUPPORTED_CHAT_TEMPLATE',
      field: 'messages',
      message: "The model's chat template cannot be parsed; send a plain prompt instead.",
      cause,
    });
  }
}

/**
 * Looks at a template that is not the model's own.
 *
 * @throws AppError UNSUPPORTED_CHAT_TEMPLATE where it cannot be parsed.
 */
export function checkChatTemplate(source: string): void {
  parse(source);
}

/**
 * Reads the chat template of a model: its own file if there is one, else the one in tokenizer_config.json. A model
 * without one gives an object that says so when it is used.
 */
export function createChatTemplate(
  files: Pick<TokenizerFiles, 'tokenizerConfigJson' | 'chatTemplate'>,
  tokenizer: ControlSpellings,
): ChatTemplate {
  const config = readTokenizerConfig(files.tokenizerConfigJson);
  return new JinjaChatTemplate(files.chatTemplate ?? config.chatTemplate, config.namedTokens, tokenizer);
}

/**
 * Ids of a rendered conversation: the template's special tokens are read, the ones spelled by messages are not, and
 * none is added (the template writes BOS itself).
 */
export function encodePrompt(tokenizer: Tokenizer, prompt: RenderedPrompt, signal?: AbortSignal): Promise<Int32Array> {
  return tokenizer.encodeAsync(prompt.text, {
    addSpecialTokens: false,
    parseSpecial: true,
    literalOffsets: prompt.literalOffsets,
    ...(signal === undefined ? {} : { signal }),
  });
}
