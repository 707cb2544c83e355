import type { GenerationEvent, TokenLogprob } from '@longhaul/inference';
import type { StartedGeneration } from '../../core/generation.js';
import { stopReason } from './chat-format.js';
import { addUsage, usageBody, type Collected, type CollectedChoice } from './collected.js';
import { LazyList } from './lazy-list.js';
import { completionLogprobs, promptLogprobs, type CompletionLogprobs } from './logprobs.js';
import { TextOffsets } from './text-offsets.js';
import { chunkOf, responseHead, usageChunkOf, type FormatOptions, type ResponseFormat } from './response-format.js';

export interface CompletionFormatOptions extends FormatOptions {
  /** Per prompt the text to put in front of each choice, or null without `echo`. */
  echo: readonly (string | null)[];
  /** The caller asked for prompt_logprobs, beside those that echo needs. */
  showPromptLogprobs: boolean;
}

/** Answers and chunks of /v1/completions. Choice `c` of prompt `p` has index `p * n + c`. */
export function completionFormat(options: CompletionFormatOptions): ResponseFormat {
  const { started, includeUsage, echo } = options;
  const head = responseHead('cmpl', 'text_completion', started);
  const choices = new ChoiceShaper(options);

  return {
    whole: (collected) => ({
      ...head,
      choices: collected.flatMap((part, prompt) =>
        part.choices.map((choice, index) => choices.whole(part, choice, [prompt, index])),
      ),
      usage: usageBody(addUsage(collected.map((part) => part.usage))),
    }),
    chunks: ({ prompt, event }) =>
      choices.deltas(prompt, event, echo[prompt] ?? null).map((choice) => chunkOf(head, [choice], includeUsage)),
    usageChunk: (usage) => usageChunkOf(head, usage),
  };
}

class ChoiceShaper {
  readonly #options: CompletionFormatOptions;
  /** Of the choices that have begun, by their index. */
  readonly #begun = new Map<number, TextOffsets>();
  #promptScores: readonly (TokenLogprob | null)[][] = [];

  constructor(options: CompletionFormatOptions) {
    this.#options = options;
  }

  whole(part: Collected, choice: CollectedChoice, [prompt, index]: readonly [number, number]): object {
    const { request, served } = this.#startedAt(prompt);
    const offsets = this.#offsetsOf(prompt);
    const scores = part.promptLogprobs;
    return {
      index: prompt * request.n + index,
      text: `${this.#options.echo[prompt] ?? ''}${choice.text}`,
      logprobs: this.#options.logprobs ? this.#wholeLogprobs(prompt, { scores, choice, offsets }) : null,
      finish_reason: choice.finishReason,
      ...stopReason(choice.stopString),
      ...(this.#options.showPromptLogprobs && scores ? { prompt_logprobs: promptLogprobs(served.codec, scores) } : {}),
    };
  }

  deltas(prompt: number, event: GenerationEvent, echo: string | null): object[] {
    const { request } = this.#startedAt(prompt);
    if (event.kind === 'prompt')
      this.#promptScores = Object.assign([...this.#promptScores], { [prompt]: event.promptLogprobs ?? [] });
    if (event.kind === 'prompt' || event.kind === 'done') return [];
    const index = prompt * request.n + event.choice;
    const opening = this.#opening(prompt, index, echo);
    if (event.kind === 'finished') {
      const { reason, stopString } = event;
      return [...opening, { index, text: '', logprobs: null, finish_reason: reason, ...stopReason(stopString) }];
    }
    const shown = event.text !== '' || (this.#options.logprobs && event.tokenIds.length > 0);
    return shown ? [...opening, this.#answerChoice(prompt, index, event)] : opening;
  }

  #opening(prompt: number, index: number, echo: string | null): object[] {
    if (this.#begun.has(index)) return [];
    const offsets = this.#offsetsOf(prompt);
    this.#begun.set(index, offsets);
    if (echo === null) return [];
    const scores = this.#promptScores[prompt] ?? [];
    const logprobs = this.#options.logprobs ? this.#echoLogprobs(prompt, scores, offsets) : null;
    return [{ index, text: echo, logprobs, finish_reason: null }];
  }

  #answerChoice(prompt: number, index: number, event: GenerationEvent & { kind: 'delta' }): object {
    const { codec } = this.#startedAt(prompt).served;
    const entries = event.logprobs ?? [];
    const offsets = this.#begun.get(index)?.ofAnswer(entries.map(({ tokenId }) => tokenId)) ?? [];
    const logprobs = this.#options.logprobs ? completionLogprobs(codec, entries, offsets) : null;
    return { index, text: event.text, logprobs, finish_reason: null };
  }

  #wholeLogprobs(
    prompt: number,
    of: { scores: Collected['promptLogprobs']; choice: CollectedChoice; offsets: TextOffsets },
  ): CompletionLogprobs {
    const { codec } = this.#startedAt(prompt).served;
    const ids = of.choice.logprobs.map(({ tokenId }) => tokenId);
    const answer = completionLogprobs(codec, of.choice.logprobs, of.offsets.ofAnswer(ids));
    if (this.#options.echo[prompt] === null) return answer;
    return joined(this.#echoLogprobs(prompt, of.scores ?? [], of.offsets), answer);
  }

  #echoLogprobs(prompt: number, scores: readonly (TokenLogprob | null)[], offsets: TextOffsets): CompletionLogprobs {
    const { request, served } = this.#startedAt(prompt);
    const entries = echoedLogprobs(scores, request.promptTokenIds);
    return completionLogprobs(served.codec, entries, offsets.ofPrompt(entries.map(({ tokenId }) => tokenId)));
  }

  #offsetsOf(prompt: number): TextOffsets {
    const { request, served } = this.#startedAt(prompt);
    const echo = this.#options.echo[prompt] ?? null;
    return new TextOffsets(served.codec, { echo, includeSpecial: request.includeSpecialTokens });
  }

  #startedAt(prompt: number): StartedGeneration {
    const started = this.#options.started[prompt];
    if (!started) throw new RangeError(`no prompt ${prompt}`);
    return started;
  }
}

function joined(first: CompletionLogprobs, second: CompletionLogprobs): CompletionLogprobs {
  return {
    tokens: LazyList.concat(first.tokens, second.tokens),
    token_logprobs: LazyList.concat(first.token_logprobs, second.token_logprobs),
    top_logprobs: LazyList.concat(first.top_logprobs, second.top_logprobs),
    text_offset: [...first.text_offset, ...second.text_offset],
  };
}

/** Prompt tokens as entries. The first one, which nothing predicts, has no log-probability. */
function echoedLogprobs(scores: readonly (TokenLogprob | null)[], promptTokenIds: Int32Array): TokenLogprob[] {
  return scores.map((entry, at) => entry ?? { tokenId: promptTokenIds[at] ?? 0, logprob: Number.NaN, top: [] });
}
