import type { TokenizerFiles } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import type { ChatMessage, RenderedPrompt, Tokenizer } from '@longhaul/tokenizer';
import { encodeBudget, HEAP_MIB, renderBudget, type JobBudget } from './limits.js';
import type { ForeignEncodeOptions, Job, PromptOptions } from './messages.js';
import { SandboxPool } from './sandbox-pool.js';
import { SandboxEnded, type Ending } from './sandbox-process.js';

/**
 * Runs what a checkpoint brought, its chat template and its tokenizer's own expressions, in processes that are ended
 * when they take too long or too much memory. Any number of calls may be under way.
 */
export interface TextSandbox {
  /**
   * A conversation in the model's chat template.
   *
   * @throws AppError as `ChatTemplate.prompt`; CHAT_TEMPLATE_FAILED (INVALID_ARGUMENT, `messages`) also where the
   *   template takes too much; TOO_MANY_TEMPLATE_JOBS (RESOURCE_EXHAUSTED)
   */
  prompt(messages: readonly ChatMessage[], options: PromptOptions, signal?: AbortSignal): Promise<RenderedPrompt>;
  /**
   * Ids of a text, for a tokenizer with `foreignPatterns`.
   *
   * @throws AppError as `Tokenizer.encode`; TOKENIZER_PATTERN_FAILED (INVALID_ARGUMENT, `text`) where an expression
   *   takes too much; TOO_MANY_TEMPLATE_JOBS
   */
  encode(text: string, options: ForeignEncodeOptions, signal?: AbortSignal): Promise<Int32Array>;
  /** Ends the processes. */
  close(): void;
}

class ProcessSandbox implements TextSandbox {
  readonly #pool: SandboxPool;

  constructor(files: TokenizerFiles, tokenizer: Tokenizer) {
    const { tokenizerConfigJson, tokenizerJson, chatTemplate } = files;
    this.#pool = new SandboxPool({
      tokenizerConfigJson,
      chatTemplate,
      controlTokens: tokenizer.controlTokens,
      addedTokens: tokenizer.addedTokens,
      tokenizerJson: tokenizer.foreignPatterns.length > 0 ? tokenizerJson : null,
    });
    this.#pool.warm();
  }

  async prompt(
    messages: readonly ChatMessage[],
    options: PromptOptions,
    signal?: AbortSignal,
  ): Promise<RenderedPrompt> {
    return (await this.#run({ kind: 'prompt', messages, options }, renderBudget(), signal)) as RenderedPrompt;
  }

  async encode(text: string, options: ForeignEncodeOptions, signal?: AbortSignal): Promise<Int32Array> {
    return (await this.#run({ kind: 'encode', text, options }, encodeBudget(text.length), signal)) as Int32Array;
  }

  close(): void {
    this.#pool.close();
  }

  async #run(job: Job, { timeMs }: JobBudget, signal?: AbortSignal): Promise<unknown> {
    try {
      return await this.#pool.run(job, timeMs, signal);
    } catch (error) {
      throw error instanceof SandboxEnded ? tookTooMuch(job, error.ending, timeMs) : error;
    }
  }
}

function tookTooMuch(job: Job, ending: Ending, timeMs: number): AppError {
  if (ending === 'start') {
    const message = 'The process for the chat template could not be started.';
    return new AppError({ code: 'UNAVAILABLE', reason: 'SANDBOX_UNAVAILABLE', message, retry: 'same' });
  }
  const spent = ending === 'time' ? `${timeMs} ms` : `${HEAP_MIB} MiB of memory`;
  const details = ending === 'time' ? { timeMs } : { heapMib: HEAP_MIB };
  if (job.kind === 'prompt') {
    const message = `The model's chat template takes more than ${spent} for these messages; it was ended.`;
    return new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'CHAT_TEMPLATE_FAILED',
      message,
      field: 'messages',
      details,
    });
  }
  const message = `An expression of the model's tokenizer takes more than ${spent} for this text; it was ended.`;
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'TOKENIZER_PATTERN_FAILED',
    message,
    field: 'text',
    details,
  });
}

/** A sandbox for one model; starts its first process at once. */
export function createTextSandbox(files: TokenizerFiles, tokenizer: Tokenizer): TextSandbox {
  return new ProcessSandbox(files, tokenizer);
}
