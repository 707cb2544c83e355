import type { GenerationEvent, TokenLogprob } from '@longhaul/inference';
import type { StartedGeneration } from '../../core/generation.js';
import { stopReason } from './chat-format.js';
import { addUsage, usageBody, type Collected, type CollectedChoice } from './collected.js';
import { completionLogprobs, promptLogprobs } from './logprobs.js';
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
  /** Characters already sent, by choice index: where the next token's text stands. */
  private readonly offsets = new Map<number, number>();
  private promptScores: readonly (TokenLogprob | null)[][] = [];

  constructor(private readonly options: CompletionFormatOptions) {}

  whole(part: Collected, choice: CollectedChoice, [prompt, index]: readonly [number, number]): object {
    const started = this.startedAt(prompt);
    const echo = this.options.echo[prompt] ?? null;
    const echoed = echo === null ? [] : echoedLogprobs(part.promptLogprobs, started.request.promptTokenIds);
    const scores = part.promptLogprobs;
    return {
      index: prompt * started.request.n + index,
      text: `${echo ?? ''}${choice.text}`,
      logprobs: this.options.logprobs
        ? completionLogprobs(started.served.codec, [...echoed, ...choice.logprobs], 0)
        : null,
      finish_reason: choice.finishReason,
      ...stopReason(choice.stopString),
      ...(this.options.showPromptLogprobs && scores
        ? { prompt_logprobs: promptLogprobs(started.served.codec, scores) }
        : {}),
    };
  }

  deltas(prompt: number, event: GenerationEvent, echo: string | null): object[] {
    const { request } = this.startedAt(prompt);
    if (event.kind === 'prompt')
      this.promptScores = Object.assign([...this.promptScores], { [prompt]: event.promptLogprobs ?? [] });
    if (event.kind === 'prompt' || event.kind === 'done') return [];
    const index = prompt * request.n + event.choice;
    const opening = this.opening(prompt, index, echo);
    if (event.kind === 'finished') {
      return [
        ...opening,
        { index, text: '', logprobs: null, finish_reason: event.reason, ...stopReason(event.stopString) },
      ];
    }
    const shown = event.text !== '' || (this.options.logprobs && event.tokenIds.length > 0);
    return shown
      ? [...opening, this.textChoice(prompt, index, { text: event.text, entries: event.logprobs ?? [] })]
      : opening;
  }

  private opening(prompt: number, index: number, echo: string | null): object[] {
    if (this.offsets.has(index)) return [];
    this.offsets.set(index, 0);
    if (echo === null) return [];
    return [
      this.textChoice(prompt, index, {
        text: echo,
        entries: echoedLogprobs(this.promptScores[prompt] ?? [], this.startedAt(prompt).request.promptTokenIds),
      }),
    ];
  }

  private textChoice(prompt: number, index: number, piece: { text: string; entries: readonly TokenLogprob[] }): object {
    const { codec } = this.startedAt(prompt).served;
    const offset = this.offsets.get(index) ?? 0;
    this.offsets.set(index, offset + piece.text.length);
    const logprobs = this.options.logprobs ? completionLogprobs(codec, piece.entries, offset) : null;
    return { index, text: piece.text, logprobs, finish_reason: null };
  }

  private startedAt(prompt: number): StartedGeneration {
    const started = this.options.started[prompt];
    if (!started) throw new RangeError(`no prompt ${prompt}`);
    return started;
  }
}

/** Prompt tokens as entries. The first one, which nothing predicts, has no log-probability. */
function echoedLogprobs(scores: readonly (TokenLogprob | null)[] | null, promptTokenIds: Int32Array): TokenLogprob[] {
  return (scores ?? []).map((entry, at) => entry ?? { tokenId: promptTokenIds[at] ?? 0, logprob: Number.NaN, top: [] });
}
